#include "edge/ban_admin.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "edge/ban_keeper.h"
#include "edge/edge.h"

namespace fairlead::edge {

namespace {

using http::Response;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kLongestSeconds = 365 * 24 * 3600;

Json describe(const Ban& ban) {
  return {{"client", ban.client.to_string()},
          {"reason", ban.reason},
          {"since", rfc3339(ban.since)},
          {"until", rfc3339(ban.until)},
          {"left_s", (ban.until - wall_now()) / 1s},
          {"times", ban.times}};
}

Response list(Edge& edge, const BanKeeper& keeper) {
  Json answer = {{"in_kernel", keeper.in_kernel()}, {"bans", Json::array()}};
  for (const Ban& ban : edge.guard().bans().current(wall_now()))
    answer["bans"].push_back(describe(ban));
  return Response::json(answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Response refuse(std::string_view detail) { return Response::problem(400, "Refused", detail); }

Response add(Edge& edge, const http::Request& request) {
  const auto client = ClientPrefix::parse(request.parameter("client").value_or(""));
  if (!client) return refuse("client must be an IP address");
  const auto seconds = parse_unsigned(request.parameter("seconds").value_or("3600"));
  if (!seconds || *seconds == 0 || *seconds > kLongestSeconds)
    return refuse("seconds must be from 1 to a year's");
  const auto ban = edge.guard().add(*client, request.parameter("reason").value_or("by hand"),
                                    std::chrono::seconds(*seconds), edge.plan().spared());
  if (!ban) return refuse(ban.error().message());
  return Response::json(describe(*ban).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Response lift(Edge& edge, const http::Request& request) {
  const auto client = ClientPrefix::parse(request.parameter("client").value_or(""));
  if (!client) return refuse("client must be an IP address");
  if (!edge.guard().lift(*client))
    return Response::problem(404, "Not banned", client->to_string() + " is not banned");
  return Response::json("{}\n");
}

io::Task<void> answer(http::Exchange& exchange, Response response) {
  [[maybe_unused]] const auto sent = co_await exchange.respond(std::move(response));
}

}  // namespace

void add_ban_routes(http::Router& router, Edge& edge, const BanKeeper& keeper) {
  using http::Method;
  using http::PathParameters;
  router.add(Method::kGet, "/bans", [&edge, &keeper](http::Exchange& exchange, PathParameters) {
    return answer(exchange, list(edge, keeper));
  });
  router.add(Method::kPost, "/bans", [&edge](http::Exchange& exchange, PathParameters) {
    return answer(exchange, add(edge, exchange.request));
  });
  router.add(Method::kDelete, "/bans", [&edge](http::Exchange& exchange, PathParameters) {
    return answer(exchange, lift(edge, exchange.request));
  });
}

}  // namespace fairlead::edge
