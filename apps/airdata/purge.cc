#include "purge.h"

#include <fmt/format.h>

#include "http/client.h"
#include "io/resolve.h"
#include "service/http_url.h"

namespace airdata {

using namespace fairlead;
using io::Task;

namespace {

constexpr Duration kTimeout = 10s;

Task<Result<>> send(io::Loop& loop, service::HttpUrl url) {
  const auto deadline = io::Deadline::in(kTimeout);
  io::Worker resolver("resolve");
  CO_TRY(const auto addresses, co_await io::resolve(loop, resolver, url.host, url.port));
  http::Client client(loop, addresses.front(), url.authority());
  http::Request request;
  request.method = http::Method::kOther;
  request.method_text = "PURGE";
  request.target = url.path + "/air_quality";
  request.fields.add("Surrogate-Key", kSurrogateKey);
  CO_TRY(const auto response, co_await client.send(std::move(request), deadline));
  if (response.status >= 300)
    co_return fail(Code::kUnavailable, fmt::format("the cache answered {}", response.status));
  co_return Result<>{};
}

}  // namespace

Result<> purge(const service::Environment& environment) {
  const auto text = environment.find("PURGE_URL");
  if (!text) return {};
  TRY(auto url, service::parse_http_url("PURGE_URL", *text));
  if (url.tls) return fail(Code::kInvalid, "PURGE_URL must be of http://, a cache on this network");
  TRY(const auto loop, io::Loop::create());
  auto sent = io::block_on(*loop, send(*loop, std::move(url)));
  if (!sent)
    return fail(std::move(sent).error().in("the data is loaded, but the cache was not purged"));
  return {};
}

}  // namespace airdata
