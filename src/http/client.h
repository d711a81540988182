// An HTTP/1.1 client for control, health checks and services: pooled keep-alive connections,
// deadlines.
#pragma once

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

class Client {
 public:
  // All requests go to one address; `host` is the Host field (and the TLS name).
  Client(io::Loop& loop, io::Address address, std::string host, ClientOptions options = {});
  ~Client();
  // One whole exchange. A pooled connection that turns out closed is replaced once, for idempotent
  // methods.
  io::Task<Result<Response>> send(Request request, io::Deadline deadline);
  // The head now, the body as it comes (NDJSON, logs): the connection is not pooled afterwards.
  struct Streamed {
    Response head;
    std::unique_ptr<ResponseBody> body;
  };
  io::Task<Result<Streamed>> open(Request request, io::Deadline deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class ResponseBody {
 public:
  virtual ~ResponseBody() = default;
  // The next piece, empty at the end.
  virtual io::Task<Result<std::string>> read_some(io::Deadline deadline) = 0;
};

}  // namespace fairlead::http
