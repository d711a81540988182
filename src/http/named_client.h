// A Client for a server that is known by its name.
#pragma once

#include <memory>
#include <optional>

#include "http/client.h"
#include "http/url.h"
#include "io/tls.h"
#include "io/worker.h"

namespace fairlead::http {

// Looks the name up (on a thread), keeps connections to the address, and looks it up again after a
// minute or a failure, as a name may move. Belongs to its loop's thread; outlives its calls.
class NamedClient {
 public:
  // Fails where the authorities cannot be read (https): those of `ca_file`, or the system's.
  static Result<std::unique_ptr<NamedClient>> create(io::Loop& loop, Url url,
                                                     std::size_t max_body = 1 << 20,
                                                     std::string ca_file = {});

  // Client::send(); kUnavailable also when the name cannot be resolved. `request.target` comes
  // after the URL's path.
  io::Task<Result<Response>> send(Request request, io::Deadline deadline);
  const Url& url() const { return url_; }

 private:
  NamedClient(io::Loop& loop, Url url, std::size_t max_body)
      : loop_(loop), url_(std::move(url)), max_body_(max_body) {}
  io::Task<Result<>> resolve();

  io::Loop& loop_;
  const Url url_;
  const std::size_t max_body_;
  std::optional<io::Worker> resolver_;  // only if there is a name to look up
  std::optional<io::TlsContext> tls_;
  std::shared_ptr<Client> client_;  // shared with calls under way
  Instant resolved_until_{};
};

}  // namespace fairlead::http
