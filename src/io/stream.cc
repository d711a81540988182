#include "io/stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <cerrno>

namespace fairlead::io {

namespace {

// Suspends on a Waiter that lives elsewhere.
struct Suspend {
  Waiter& waiter;
  Deadline deadline;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) { waiter.suspend(coroutine, deadline); }
  Result<> await_resume() { return waiter.outcome(); }
};

Error failure(std::string_view what, const IoResult& result) {
  if (result.error == 0) return Error(Code::kProtocol, fmt::format("{}: TLS failure", what));
  return Error::system(what, result.error);
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on);  // fails on Unix sockets, which need none
}

// The number of bytes to ask for is what tells a drained socket apart; TLS has records, so only
// EAGAIN does there.
bool drained(const Transport& transport, const IoResult& result, std::size_t asked) {
  return !transport.is_tls() && result.bytes < asked;
}

}  // namespace

// ---- Stream

struct Stream::State final : Watcher {
  State(Loop& l, Transport t, Address p)
      : loop(l), transport(std::move(t)), peer(std::move(p)), reader(l), writer(l) {
    watched = static_cast<bool>(loop.watch(transport.fd(), *this));
  }
  ~State() {
    if (watched) loop.unwatch(transport.fd(), *this);
  }
  void on_ready(std::uint32_t events) override {
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ended = true;
    readable = true;
    writable = true;
    reader.wake();
    writer.wake();
  }
  IoResult read(std::span<char> into) {
    const IoResult result = transport.read(into);
    // After the peer's end no further edge comes, so the socket counts as readable until that end
    // has been read.
    if (result.status == IoStatus::kWouldBlock ||
        (drained(transport, result, into.size()) && !ended))
      readable = false;
    return result;
  }

  Loop& loop;
  Transport transport;
  Address peer;
  Waiter reader;
  Waiter writer;
  bool watched = false;
  bool readable = true;
  bool writable = true;
  bool ended = false;
};

Stream::Stream(Loop& loop, Transport transport, Address peer)
    : state_(std::make_unique<State>(loop, std::move(transport), std::move(peer))) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Task<Result<std::size_t>> Stream::read(std::span<char> into, Deadline deadline) {
  State& state = *state_;
  for (;;) {
    if (state.readable) {
      const IoResult result = state.read(into);
      if (result.status == IoStatus::kDone) co_return result.bytes;
      if (result.status == IoStatus::kEnd) co_return std::size_t{0};
      if (result.status == IoStatus::kFailed) co_return fail(failure("read", result));
      if (!state.watched) co_return fail(Code::kSystem, "read: the socket could not be watched");
    }
    state.readable = false;
    CO_TRY_VOID(co_await (Suspend{state.reader, deadline}));
  }
}

IoResult Stream::try_read(std::span<char> into) {
  if (!state_->readable) return {IoStatus::kWouldBlock};
  return state_->read(into);
}

Task<Result<>> Stream::write(std::string_view bytes, Deadline deadline) {
  State& state = *state_;
  while (!bytes.empty()) {
    const IoResult result = state.transport.write(bytes);
    if (result.status == IoStatus::kDone) {
      bytes.remove_prefix(result.bytes);
    } else if (result.status == IoStatus::kWouldBlock) {
      CO_TRY_VOID(co_await (Suspend{state.writer, deadline}));
    } else {
      co_return fail(failure("write", result));
    }
  }
  co_return Result<>();
}

Task<Result<>> Stream::write(std::span<const iovec> parts, Deadline deadline) {
  State& state = *state_;
  const IoResult result = state.transport.write(parts);
  if (result.status == IoStatus::kFailed) co_return fail(failure("write", result));
  // Nearly always everything went out; what is left goes part by part.
  std::size_t skip = result.bytes;
  for (const iovec& part : parts) {
    const std::size_t gone = std::min(skip, part.iov_len);
    skip -= gone;
    if (gone == part.iov_len) continue;
    CO_TRY_VOID(co_await write(
        {static_cast<const char*>(part.iov_base) + gone, part.iov_len - gone}, deadline));
  }
  co_return Result<>();
}

Result<> Stream::start_tls(const TlsContext& tls) {
  TRY(SslPtr session, tls.make_server_session(fd()));
  state_->transport.start_tls(std::move(session));
  return {};
}

Task<Result<>> Stream::handshake(Deadline deadline) {
  State& state = *state_;
  for (;;) {
    const IoResult result = state.transport.handshake();
    if (result.status == IoStatus::kDone) co_return Result<>();
    if (result.status != IoStatus::kWouldBlock) co_return fail(failure("TLS handshake", result));
    CO_TRY_VOID(co_await (Suspend{state.reader, deadline}));
  }
}

void Stream::shutdown_write() { state_->transport.shutdown_write(); }
void Stream::abort() { ::shutdown(state_->transport.fd(), SHUT_RDWR); }
const Address& Stream::peer() const { return state_->peer; }
Transport& Stream::transport() { return state_->transport; }
int Stream::fd() const { return state_->transport.fd(); }

// ---- listening

namespace {

// A Unix socket's file outlives its process. It may be replaced when nobody answers behind it.
Result<> remove_stale(const Address& address) {
  struct stat status{};
  const std::string path = address.path();
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return fail(Code::kExists, fmt::format("{} exists and is not a socket", path));
  UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fail_errno("socket");
  if (::connect(probe.get(), address.data(), address.size()) == 0 || errno == EAGAIN)
    return fail(Error::system(fmt::format("cannot listen on {}", address.to_string()), EADDRINUSE));
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<UniqueFd> listen(const Address& address, ListenOptions options) {
  const auto where = [&] { return fmt::format("cannot listen on {}", address.to_string()); };
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno(where());
  const int on = 1;
  if (address.is_unix()) {
    TRY_VOID(remove_stale(address));
  } else {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options.reuse_port && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
      return fail_errno(where());
  }
  if (::bind(fd.get(), address.data(), address.size()) != 0) return fail_errno(where());
  // Nobody can connect before listen(), so the permission is in force before the first client.
  if (address.is_unix() &&
      ::chmod(address.path().c_str(), static_cast<mode_t>(options.unix_mode)) != 0)
    return fail_errno(where());
  if (::listen(fd.get(), options.backlog) != 0) return fail_errno(where());
  return fd;
}

Result<Address> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
    return fail_errno("getsockname");
  return Address::of(reinterpret_cast<sockaddr*>(&storage), size);
}

struct Listener::State final : Watcher {
  State(Loop& l, UniqueFd s) : loop(l), socket(std::move(s)), waiter(l) {
    static_cast<void>(loop.watch(socket.get(), *this));
  }
  ~State() { close(); }
  void on_ready(std::uint32_t) override { waiter.wake(); }
  void close() {
    if (!socket) return;
    loop.unwatch(socket.get(), *this);
    socket.reset();
    waiter.wake();
  }
  Loop& loop;
  UniqueFd socket;
  Waiter waiter;
};

Listener::Listener(Loop& loop, UniqueFd socket)
    : state_(std::make_unique<State>(loop, std::move(socket))) {}
Listener::~Listener() = default;
void Listener::close() { state_->close(); }
Address Listener::address() const {
  return local_address(state_->socket.get()).value_or(Address());
}

Task<Result<Stream>> Listener::accept(Deadline deadline) {
  State& state = *state_;
  while (state.socket) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    UniqueFd fd(::accept4(state.socket.get(), reinterpret_cast<sockaddr*>(&storage), &size,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      set_no_delay(fd.get());
      co_return Stream(state.loop, Transport(std::move(fd)),
                       Address::of(reinterpret_cast<sockaddr*>(&storage), size));
    }
    const int error = errno;
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      // The connection stays in the backlog; without the pause the caller would spin.
      CO_TRY_VOID(co_await sleep(state.loop, 50ms, deadline));
      co_return fail(Error::system("accept", error));
    }
    if (error == EAGAIN) CO_TRY_VOID(co_await (Suspend{state.waiter, deadline}));
    // Anything else is an error of that one connection (ECONNABORTED, …): take the next.
  }
  co_return fail(Code::kCancelled, "the listener was closed");
}

// ---- connecting

namespace {

Task<Result<UniqueFd>> connect_socket(Loop& loop, Address address, Deadline deadline) {
  const std::string where = fmt::format("connect to {}", address.to_string());
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return fail_errno("socket");
  set_no_delay(fd.get());
  if (::connect(fd.get(), address.data(), address.size()) == 0) co_return fd;
  if (errno != EINPROGRESS) co_return fail_errno(where);
  Readiness readiness(loop);
  CO_TRY_VOID(readiness.watch(fd.get()));
  if (auto ready = co_await readiness.wait(deadline); !ready)
    co_return fail(std::move(ready).error().in(where));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
    co_return fail_errno("getsockopt");
  if (error != 0) co_return fail(Error::system(where, error));
  readiness.unwatch();
  co_return fd;
}

}  // namespace

Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline) {
  CO_TRY(UniqueFd fd, co_await connect_socket(loop, address, deadline));
  co_return Stream(loop, Transport(std::move(fd)), std::move(address));
}

Task<Result<Stream>> connect_tls(Loop& loop, Address address, const TlsContext& tls,
                                 std::string host, Deadline deadline) {
  CO_TRY(UniqueFd fd, co_await connect_socket(loop, address, deadline));
  CO_TRY(SslPtr session, tls.make_client_session(fd.get(), host));
  Stream stream(loop, Transport(std::move(fd), std::move(session)), address);
  if (auto done = co_await stream.handshake(deadline); !done)
    co_return fail(
        std::move(done).error().in(fmt::format("connect to {} ({})", address.to_string(), host)));
  co_return stream;
}

// ---- Readiness

struct Readiness::State final : Watcher {
  explicit State(Loop& l) : loop(l), waiter(l) {}
  void on_ready(std::uint32_t) override {
    pending = true;
    waiter.wake();
  }
  Loop& loop;
  Waiter waiter;
  int fd = -1;
  bool pending = false;
};

Readiness::Readiness(Loop& loop) : state_(std::make_unique<State>(loop)) {}
Readiness::~Readiness() { unwatch(); }

Result<> Readiness::watch(int fd) {
  unwatch();
  TRY_VOID(state_->loop.watch(fd, *state_));
  state_->fd = fd;
  return {};
}

void Readiness::unwatch() {
  if (state_->fd >= 0) state_->loop.unwatch(state_->fd, *state_);
  state_->fd = -1;
  state_->pending = false;
}

Task<Result<>> Readiness::wait(Deadline deadline) {
  if (!state_->pending) CO_TRY_VOID(co_await (Suspend{state_->waiter, deadline}));
  state_->pending = false;
  co_return Result<>();
}

}  // namespace fairlead::io
