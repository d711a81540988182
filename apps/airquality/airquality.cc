#include "airquality.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace airquality {

using namespace fairlead;
using http::Exchange, http::Method, http::PathParameters, http::Response;
using io::Task;

namespace {

constexpr Duration kTimeout = 5s;
constexpr std::int64_t kPage = 1000;

Task<void> answer(Exchange& exchange, Response response) {
  (void)co_await exchange.respond(std::move(response));
}

Response bad_request(const Error& error) {
  return Response::problem(400, "Bad Request", error.message());
}

Response upstream_failed(const Error& error) {
  const bool late = error.code() == Code::kTimeout;
  auto response = Response::problem(late ? 504 : 502, late ? "Gateway Timeout" : "Bad Gateway",
                                    error.message());
  response.fields.add("Retry-After", "10");
  return response;
}

void append_query(std::string& out, const Query& query) {
  std::string members;  // ,"Time":"…","City":"…"
  telemetry::append_json_member(members, {"Time", query.time});
  telemetry::append_json_member(members, {"City", query.city});
  out += '{';
  out.append(members, 1);
  out += '}';
}

std::int64_t seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

Result<std::optional<store::DatabaseUrl>> database(const service::Environment& environment) {
  TRY(auto url, service::database_from_environment(environment));
  if (!url)
    return fail(Error(Code::kInvalid, "DATABASE_URL is not set")
                    .hint("set it to sqlite:///absolute/path or postgresql://…"));
  return url;
}

Result<std::unique_ptr<service::App>> AirQuality::make(service::Context& context) {
  const auto& environment = context.environment;
  TRY(const auto url, database(environment));
  TRY(const auto freshness, environment.number("FRESH_SECONDS", 600, 1, 86'400));
  const auto key = environment.get("AIRVISUAL_KEY", "");
  if (key.empty()) context.log.warn("AIRVISUAL_KEY is not set: AirVisual will refuse to answer");
  TRY(auto airvisual,
      AirVisual::create(context.loop, environment.get("AIRVISUAL_URL", "https://api.airvisual.com"),
                        key));
  std::unique_ptr<AirQuality> app(
      new AirQuality(context.loop, *url, std::move(airvisual), std::chrono::seconds(freshness)));
  app->add_routes(context.router);
  return app;
}

void AirQuality::add_routes(http::Router& router) {
  router.add(Method::kGet, "/", [](Exchange& exchange, PathParameters) {
    return answer(exchange, Response::text("Air Quality API running"));
  });
  router.add(Method::kGet, "/air-quality",
             [this](Exchange& exchange, PathParameters) { return show_quality(exchange); });
  router.add(Method::kGet, "/queried-cities",
             [this](Exchange& exchange, PathParameters) { return show_history(exchange); });
}

Task<void> AirQuality::show_quality(Exchange& exchange) {
  const auto place = place_of(exchange.request);
  if (!place) co_return co_await answer(exchange, bad_request(place.error()));
  const auto found = co_await readings_.at(*place);
  if (!found) co_return co_await answer(exchange, upstream_failed(found.error()));
  const auto stored = co_await history_.add(found->reading.city);
  if (!stored) co_return co_await answer(exchange, service::store_unavailable(stored.error()));

  std::string members;  // ,"city":"…"
  telemetry::append_json_member(members, {"city", found->reading.city});
  auto response =
      Response::json(fmt::format("{{{},\"air_quality_index\":{}{}}}\n", members.substr(1),
                                 found->reading.index, found->stale ? ",\"stale\":true" : ""));
  // Every query is stored, so none may be answered by a cache on the way: the freshness is told in
  // words of its own.
  response.fields.add("Cache-Control", "no-store");
  response.fields.add("X-Reading-Age", fmt::format("{}", seconds(found->age)));
  response.fields.add(
      "X-Reading-Fresh-For",
      fmt::format("{}", std::max<std::int64_t>(0, seconds(readings_.freshness() - found->age))));
  if (found->stale) response.fields.add("Warning", "110 - \"Response is Stale\"");
  co_await answer(exchange, std::move(response));
}

Task<void> AirQuality::show_history(Exchange& exchange) {
  std::optional<std::int64_t> limit;
  if (const auto text = exchange.request.parameter("limit")) {
    const auto number = parse_unsigned(*text);
    if (!number || *number == 0 || *number > 1'000'000'000)
      co_return co_await answer(
          exchange, bad_request(Error(Code::kInvalid, "limit must be a number from 1")));
    limit = static_cast<std::int64_t>(*number);
  }
  std::optional<Before> before;
  if (const auto text = exchange.request.parameter("before")) {
    auto parsed = parse_before(*text);
    if (!parsed) co_return co_await answer(exchange, bad_request(parsed.error()));
    before = *std::move(parsed);
  }
  if (limit && *limit <= kPage) co_return co_await show_page(exchange, std::move(before), *limit);
  co_await stream(exchange, std::move(before), limit);
}

Task<void> AirQuality::show_page(Exchange& exchange, std::optional<Before> before,
                                 std::int64_t limit) {
  const auto page = co_await history_.page(std::move(before), limit, io::Deadline::in(kTimeout));
  if (!page) co_return co_await answer(exchange, service::store_unavailable(page.error()));
  std::string body = "[";
  for (const auto& query : *page) {
    if (body.size() > 1) body += ',';
    append_query(body, query);
  }
  auto response = Response::json(body + "]\n");
  if (std::ssize(*page) == limit)
    response.fields.add("Link",
                        fmt::format("</queried-cities?limit={}&before={}>; rel=\"next\"", limit,
                                    Before{page->back().time, page->back().id}.text()));
  co_await answer(exchange, std::move(response));
}

// Page by page, each from where the last one ended: memory stays flat, and a client that reads
// slowly holds nothing in the database.
Task<void> AirQuality::stream(Exchange& exchange, std::optional<Before> before,
                              std::optional<std::int64_t> limit) {
  std::string out = "[";
  for (bool first = true;;) {
    const auto count = limit ? std::min(*limit, kPage) : kPage;
    const auto page = co_await history_.page(before, count, io::Deadline::in(kTimeout));
    if (!page && !exchange.responded())
      co_return co_await answer(exchange, service::store_unavailable(page.error()));
    if (!page) co_return;  // the client sees a body cut off
    for (const auto& query : *page) {
      if (!std::exchange(first, false)) out += ',';
      append_query(out, query);
    }
    if (limit) *limit -= std::ssize(*page);
    const bool last = std::ssize(*page) < count || limit == 0;
    if (last) out += "]\n";
    if (last && !exchange.responded()) co_return co_await answer(exchange, Response::json(out));
    if (!exchange.responded() && !co_await exchange.start(Response::json(""))) co_return;
    if (!co_await exchange.write(out)) co_return;
    if (last) break;
    out.clear();
    before = Before{page->back().time, page->back().id};
  }
  (void)co_await exchange.finish();
}

void AirQuality::add_metrics(telemetry::MetricsText& text) const {
  history_.store().add_metrics(text);
  const auto& asked = airvisual_->stats();
  text.counter("airvisual_requests", "Requests sent to AirVisual.");
  text.sample(asked.asked);
  text.counter("airvisual_failures", "Requests to AirVisual that failed.");
  text.sample(asked.failed);
  text.counter("airvisual_refused", "Requests not sent as AirVisual had failed repeatedly.");
  text.sample(asked.refused);
  const auto& known = readings_.stats();
  text.counter("readings", "Questions, by how they were answered.");
  text.sample(known.fresh, {{"how", "fresh"}});
  text.sample(known.asked, {{"how", "asked"}});
  text.sample(known.merged, {{"how", "merged"}});
  text.sample(known.stale, {{"how", "stale"}});
}

}  // namespace airquality
