// An HTTP/1.1 client for control, health checks and services: pooled keep-alive connections,
// deadlines.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/message.h"
#include "io/stream.h"

namespace fairlead::http {

struct ClientOptions {
  std::size_t max_idle = 8;             // connections kept per address
  std::size_t max_body = 64u << 20;     // kTooLarge above
  const io::TlsContext* tls = nullptr;  // https; must outlive the client
};

class ResponseBody;  // a response read piece by piece

// Gives the next piece of a request's body, empty at its end. Called again only when the piece
// before is with the kernel.
using BodySource = std::move_only_function<io::Task<Result<std::string>>()>;

// Of a Request it sends method (method_text for Method::kOther), target, fields and body. Host,
// Content-Length and Connection are the client's business. Belongs to its loop's thread and
// outlives its calls.
class Client {
 public:
  // All requests go to one address; `host` is the Host field (and, without its port, the TLS name).
  Client(io::Loop& loop, io::Address address, std::string host, ClientOptions options = {});
  ~Client();
  // One whole exchange. A pooled connection that turns out closed is replaced once, for idempotent
  // methods. kUnavailable (nobody listens), kTimeout, kClosed, kProtocol, kTooLarge; kInvalid when
  // the request could not be written down.
  io::Task<Result<Response>> send(Request request, io::Deadline deadline);
  // The head now, the body as it comes (NDJSON, logs): the connection is not pooled afterwards.
  struct Streamed {
    Response head;
    std::unique_ptr<ResponseBody> body;
  };
  io::Task<Result<Streamed>> open(Request request, io::Deadline deadline);
  // The request's body comes piece by piece too: chunked, unless its fields have a Content-Length.
  // A server that answers before the body's end is listened to, and the rest is not sent.
  io::Task<Result<Streamed>> open(Request request, BodySource body, io::Deadline deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class ResponseBody {
 public:
  virtual ~ResponseBody() = default;
  // The next piece, empty at the end. kClosed when the connection ends before the body.
  virtual io::Task<Result<std::string>> read_some(io::Deadline deadline) = 0;
};

}  // namespace fairlead::http
