// An HTTP/1.1 server for control and the services: coroutines, keep-alive, pipelining, streaming
// both ways. The edge does not use it; its connections are state machines (src/edge).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/h1_parser.h"
#include "http/message.h"
#include "io/stream.h"

namespace fairlead::http {

struct ServerOptions {
  HeadLimits head;
  std::uint64_t max_body = 1 << 20;  // 413 above
  Duration head_timeout = 10s;       // first byte of a head to its end
  Duration body_timeout = 30s;       // between two reads of a body
  Duration write_timeout = 30s;      // between two writes
  Duration idle_timeout = 75s;       // between two requests
  std::size_t max_connections = 10'000;
};

// One request being answered. Lives in the connection's frame, which outlives the handler.
class Exchange {
 public:
  virtual ~Exchange() = default;
  Request request;

  // The next piece of the body, empty at its end. Sends 100 Continue first when the client waits
  // for it.
  virtual io::Task<Result<std::string>> read_some() = 0;
  // The whole body; kTooLarge above max_body.
  virtual io::Task<Result<std::string>> read_body() = 0;
  // Trailer fields, after the body's end.
  virtual const Fields& trailers() const = 0;

  // Sends head and body at once.
  virtual io::Task<Result<>> respond(Response response) = 0;
  // Streams: head first (chunked unless Content-Length is set), then pieces, then finish(). write()
  // returns when the bytes are with the kernel: that is the back-pressure.
  virtual io::Task<Result<>> start(Response head) = 0;
  virtual io::Task<Result<>> write(std::string_view bytes) = 0;
  virtual io::Task<Result<>> finish(Fields trailers = {}) = 0;

  virtual bool responded() const = 0;
};

// What answers. A handler that returns without having responded gives 500; one that fails to read
// the body need not respond (the connection is closed with the right 4xx).
using Handler = std::function<io::Task<void>(Exchange&)>;

class Server {
 public:
  Server(io::Loop& loop, Handler handler, ServerOptions options = {});
  ~Server();  // after drain()
  // Serves connections of this listening socket until drain().
  void serve(UniqueFd listening_socket);
  // Stops accepting, finishes the requests in flight (their connections then close), closes idle
  // connections at once. kTimeout: what still ran was cut off.
  io::Task<Result<>> drain(io::Deadline deadline);
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::http
