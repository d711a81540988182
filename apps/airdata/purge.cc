#include "purge.h"

#include <fmt/format.h>

#include "http/named_client.h"
#include "io/sync.h"

namespace airdata {

using namespace fairlead;
using io::Task;

namespace {

constexpr Duration kTimeout = 10s;

Task<Result<>> send(io::Loop& loop, http::Url url) {
  CO_TRY(const auto client, http::NamedClient::create(loop, std::move(url)));
  http::Request request;
  request.method = http::Method::kOther;
  request.method_text = "PURGE";
  request.target = "/air_quality";
  request.fields.add("Surrogate-Key", kSurrogateKey);
  CO_TRY(const auto response,
         co_await client->send(std::move(request), io::Deadline::in(kTimeout)));
  if (response.status >= 300)
    co_return fail(Code::kUnavailable, fmt::format("the cache answered {}", response.status));
  co_return Result<>{};
}

}  // namespace

Result<> purge(const service::Environment& environment) {
  const auto text = environment.find("PURGE_URL");
  if (!text) return {};
  TRY(auto url, http::parse_url("PURGE_URL", *text));
  TRY(const auto loop, io::Loop::create());
  auto sent = io::block_on(*loop, send(*loop, std::move(url)));
  if (!sent)
    return fail(std::move(sent).error().in("the data is loaded, but the cache was not purged"));
  return {};
}

}  // namespace airdata
