#include "http/named_client.h"

#include "io/resolve.h"

namespace fairlead::http {

namespace {
constexpr Duration kFresh = 60s;
}

Result<std::unique_ptr<NamedClient>> NamedClient::create(io::Loop& loop, Url url,
                                                         std::size_t max_body,
                                                         std::string ca_file) {
  const bool is_name = !io::Address::ip(url.host, url.port);
  std::unique_ptr<NamedClient> client(new NamedClient(loop, std::move(url), max_body));
  if (is_name) client->resolver_.emplace("resolve");
  if (client->url_.tls) {
    TRY(client->tls_, io::TlsContext::client(std::move(ca_file)));
  }
  return client;
}

io::Task<Result<>> NamedClient::resolve() {
  if (client_ && now() < resolved_until_) co_return Result<>{};
  Result<io::Address> address = io::Address::ip(url_.host, url_.port);
  if (resolver_) {
    auto found = co_await io::resolve(loop_, *resolver_, url_.host, url_.port);
    if (!found && client_) co_return Result<>{};  // rather the old address than none
    if (!found) co_return fail(std::move(found).error());
    address = std::move(found->front());
  }
  client_ = std::make_shared<Client>(
      loop_, *std::move(address), url_.authority(),
      ClientOptions{.max_body = max_body_, .tls = tls_ ? &*tls_ : nullptr});
  resolved_until_ = resolver_ ? now() + kFresh : Instant::max();
  co_return Result<>{};
}

io::Task<Result<Response>> NamedClient::send(Request request, io::Deadline deadline) {
  CO_TRY_VOID(co_await resolve());
  const auto client = client_;
  request.target = url_.path + request.target;
  auto response = co_await client->send(std::move(request), deadline);
  if (!response && resolver_) resolved_until_ = {};
  co_return response;
}

}  // namespace fairlead::http
