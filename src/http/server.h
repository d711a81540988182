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
  std::uint64_t max_body = 1 << 20;      // for Exchange::read_body(); 413 above
  Duration head_timeout = 10s;           // first byte of a head to its end; 408 after that
  Duration body_timeout = 30s;           // between two reads of a body; 408 after that
  Duration write_timeout = 30s;          // until the peer takes the next 256 KiB at most
  Duration idle_timeout = 75s;           // between two requests
  std::size_t max_connections = 10'000;  // more wait in the listening socket's queue
};

// One request being answered. Lives in the connection's frame, which outlives the handler.
class Exchange {
 public:
  virtual ~Exchange() = default;
  Request request;

  // The next piece of the body, empty at its end; memory stays flat whatever its size, and there is
  // no limit but the handler's. Sends 100 Continue first when the client waits for it. kProtocol,
  // kTimeout, kClosed.
  virtual io::Task<Result<std::string>> read_some() = 0;
  // The whole body; kTooLarge above max_body (known before the first byte when the length is).
  virtual io::Task<Result<std::string>> read_body() = 0;
  // Trailer fields, after the body's end.
  virtual const Fields& trailers() const = 0;

  // Sends head and body at once. Content-Length, Date and Connection are the server's business;
  // HEAD, 204 and 304 send no body. A field that would break the head gives 500 instead and fails
  // with kInvalid.
  virtual io::Task<Result<>> respond(Response response) = 0;
  // Streams: head first (chunked unless Content-Length is set), then pieces, then finish(). write()
  // returns when the bytes are with the kernel: that is the back-pressure. Without finish() the
  // client sees a body cut off.
  virtual io::Task<Result<>> start(Response head) = 0;
  virtual io::Task<Result<>> write(std::string_view bytes) = 0;
  virtual io::Task<Result<>> finish(Fields trailers = {}) = 0;

  // Whether respond() or start() was called.
  virtual bool responded() const = 0;
  // Of the answer, or of the one owed because the body could not be read; 0 while there is none.
  virtual std::uint16_t status() const = 0;
  // Requested when drain() has waited long enough. A handler that waits for something else than
  // this exchange for long puts it into its deadlines: Deadline::or_when(exchange.cut_off()).
  virtual io::Stop& cut_off() = 0;
};

// What answers. A handler that returns without having responded gives 500; one that failed to read
// the body need not respond (the client gets 400, 408 or 413, and the connection closes).
using Handler = std::function<io::Task<void>(Exchange&)>;

// All of it runs on the loop's thread.
class Server {
 public:
  Server(io::Loop& loop, Handler handler, ServerOptions options = {});
  ~Server();  // after drain()
  // Serves connections of this listening socket until drain(). May be called for several sockets.
  void serve(UniqueFd listening_socket);
  // Takes what waits in the listening sockets' queues, then closes them; closes idle connections at
  // once; finishes the requests in flight (their connections then close). kTimeout: what still ran
  // was cut off; even then drain() returns only when every handler has.
  io::Task<Result<>> drain(io::Deadline deadline);
  std::size_t connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::http
