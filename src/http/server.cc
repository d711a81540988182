#include "http/server.h"

#include <list>

#include "http/server_connection.h"

namespace fairlead::http {

namespace {

// A listening socket without descriptors left over is asked again after this time.
constexpr Duration kAcceptPause = 100ms;

}  // namespace

struct Server::State {
  State(io::Loop& loop, Handler handler, const ServerOptions& options)
      : context(loop, std::move(handler), options), gate(loop), room(loop) {
    room.set();
  }

  io::Task<void> accept_all(UniqueFd socket);
  io::Task<void> serve(io::Stream stream);

  ServerContext context;
  std::list<ServerConnection> connections;
  io::Gate gate;
  io::Event room;  // fewer connections than allowed
};

io::Task<void> Server::State::accept_all(UniqueFd socket) {
  io::Listener listener(context.loop, std::move(socket));
  const io::Deadline until_stopped = io::Deadline::never().or_when(context.stopping);
  for (bool stopped = false;;) {
    if (!co_await room.wait(until_stopped)) co_return;
    auto stream = co_await listener.accept(until_stopped);
    if (stream) {
      gate.spawn(serve(*std::move(stream)));
    } else if (stream.error().code() != Code::kCancelled) {
      static_cast<void>(co_await io::sleep(context.loop, kAcceptPause, until_stopped));
    } else if (std::exchange(stopped, true)) {
      co_return;  // told to stop, and since then all that waited in the queue was taken
    }
  }
}

io::Task<void> Server::State::serve(io::Stream stream) {
  const auto connection = connections.emplace(connections.end(), context, std::move(stream));
  if (connections.size() >= context.options.max_connections) room.reset();
  co_await connection->serve();
  connections.erase(connection);
  room.set();
}

Server::Server(io::Loop& loop, Handler handler, ServerOptions options)
    : state_(std::make_unique<State>(loop, std::move(handler), options)) {}
Server::~Server() = default;

void Server::serve(UniqueFd listening_socket) {
  state_->gate.spawn(state_->accept_all(std::move(listening_socket)));
}

io::Task<Result<>> Server::drain(io::Deadline deadline) {
  State& state = *state_;
  state.context.stopping.request();
  auto drained = co_await state.gate.drained(deadline);
  if (drained) co_return drained;
  state.context.cut.request();
  for (ServerConnection& connection : state.connections) connection.abort();
  static_cast<void>(co_await state.gate.drained(io::Deadline::never()));
  co_return drained;
}

std::size_t Server::connections() const { return state_->connections.size(); }

}  // namespace fairlead::http
