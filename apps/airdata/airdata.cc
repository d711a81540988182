#include "airdata.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "output.h"
#include "purge.h"
#include "schema.h"

namespace airdata {

using namespace fairlead;
using http::Exchange, http::Method, http::PathParameters, http::Response;
using io::Task;

namespace {

constexpr Duration kTimeout = 5s;
constexpr std::size_t kWriteAt = 64 * 1024;
constexpr std::int64_t kBuffered = 4000;  // rows: an answer of at most so many has a Link

Task<void> answer(Exchange& exchange, Response response) {
  (void)co_await exchange.respond(std::move(response));
}

std::string etag_of(DataVersion version, std::string_view form) {
  return fmt::format("\"{}-{}-{}\"", version.number, version.changed / 1'000'000, form);
}

// What lets a cache in front keep the answer, and find out whether it still holds.
void add_validators(Response& response, DataVersion version, std::string_view form) {
  response.fields.add("ETag", etag_of(version, form));
  response.fields.add("Last-Modified",
                      http_date(WallTime(std::chrono::microseconds(version.changed))));
  response.fields.add("Cache-Control", "public, max-age=0, s-maxage=3600");
  response.fields.add("Surrogate-Key", kSurrogateKey);
  response.fields.add("Vary", "Accept");
}

// RFC 9110 §13.1.2 and §13.1.3: If-None-Match wins.
bool is_unchanged(const http::Request& request, DataVersion version, std::string_view form) {
  if (request.fields.find("if-none-match")) {
    const auto mine = etag_of(version, form);
    const auto known = request.fields.joined("if-none-match");
    return std::ranges::any_of(split(known, ','), [&](std::string_view tag) {
      tag = trim(tag);
      if (tag.starts_with("W/")) tag.remove_prefix(2);
      return tag == mine || tag == "*";
    });
  }
  const auto* since = request.fields.find("if-modified-since");
  return since && *since == http_date(WallTime(std::chrono::microseconds(version.changed)));
}

Response unchanged(DataVersion version, std::string_view form) {
  Response response;
  response.status = 304;
  add_validators(response, version, form);
  return response;
}

// What an answer depends on besides the data.
std::string question_of(const http::Request& request, std::string_view form) {
  return fmt::format("{} {}", form, request.query);
}

}  // namespace

Result<std::unique_ptr<service::App>> AirData::make(service::Context& context) {
  TRY(const auto url, database(context.environment));
  std::unique_ptr<AirData> app(new AirData(context.loop, *url));
  context.router.add(
      Method::kGet, "/air_quality",
      [app = app.get()](Exchange& exchange, PathParameters) { return app->show(exchange); });
  context.router.add(Method::kGet, "/air_quality/stations",
                     [app = app.get()](Exchange& exchange, PathParameters) {
                       return app->show_stations(exchange);
                     });
  return app;
}

Task<void> AirData::show(Exchange& exchange) {
  auto filter = filter_of(exchange.request);
  if (!filter)
    co_return co_await answer(exchange,
                              Response::problem(400, "Bad Request", filter.error().message()));
  const auto version = co_await measurements_.version(io::Deadline::in(kTimeout));
  if (!version) co_return co_await answer(exchange, service::store_unavailable(version.error()));
  const std::string_view form = filter->csv ? "csv" : "json";
  if (is_unchanged(exchange.request, *version, form))
    co_return co_await answer(exchange, unchanged(*version, form));
  if (auto known = answers_.find(question_of(exchange.request, form), *version))
    co_return co_await answer(exchange, *std::move(known));
  co_await stream(exchange, *std::move(filter), *version);
}

Task<void> AirData::stream(Exchange& exchange, Filter filter, DataVersion version) {
  Response head = filter.csv ? Response::text("") : Response::json("");
  if (filter.csv) head.fields.set("Content-Type", "text/csv; charset=utf-8; header=present");
  add_validators(head, version, filter.csv ? "csv" : "json");
  if (exchange.request.method == Method::kHead) {
    (void)(co_await exchange.start(std::move(head)) && co_await exchange.finish());
    co_return;
  }
  const auto question = question_of(exchange.request, filter.csv ? "csv" : "json");
  const bool buffered = filter.limit && *filter.limit <= kBuffered;
  Response whole = head;  // to be kept, if it is small
  Output output(filter);
  std::optional<Key> position;
  for (bool more = true; more;) {
    const auto page = co_await measurements_.page(
        filter, position, io::Deadline::in(kTimeout).or_when(exchange.cut_off()));
    if (!page && !exchange.responded())
      co_return co_await answer(exchange, service::store_unavailable(page.error()));
    if (!page) co_return;
    if (page->version != version) {
      if (exchange.responded()) co_return;
      co_return co_await answer(exchange, service::store_unavailable(
                                              Error(Code::kUnavailable, "new data has just come")));
    }
    more = std::ranges::all_of(page->rows, [&](const auto& row) { return output.add(row); }) &&
           !page->last;
    if (!more) output.finish();
    if (!page->rows.empty()) position = Key{page->rows.back().time, page->rows.back().station};
    if (buffered || (output.size() < kWriteAt && more)) continue;
    if (!exchange.responded() && !co_await exchange.start(std::move(head))) co_return;
    const auto bytes = output.take();
    if (whole.body.size() <= Answers::kMaxSize) whole.body += bytes;
    if (!co_await exchange.write(bytes)) co_return;
  }
  if (!buffered) {
    (void)co_await exchange.finish();
    answers_.keep(question, version, std::move(whole));
    co_return;
  }
  if (const auto last = output.reached())
    whole.fields.add(
        "Link", fmt::format("</air_quality?{}>; rel=\"next\"", next_page(exchange.request, *last)));
  whole.body = output.take();
  answers_.keep(question, version, whole);
  co_await answer(exchange, std::move(whole));
}

Task<void> AirData::show_stations(Exchange& exchange) {
  const auto version = co_await measurements_.version(io::Deadline::in(kTimeout));
  if (!version) co_return co_await answer(exchange, service::store_unavailable(version.error()));
  if (is_unchanged(exchange.request, *version, "stations"))
    co_return co_await answer(exchange, unchanged(*version, "stations"));
  const auto stations = co_await measurements_.stations(io::Deadline::in(kTimeout));
  if (!stations) co_return co_await answer(exchange, service::store_unavailable(stations.error()));
  std::string body = "[";
  for (const auto& station : *stations) {
    if (body.size() > 1) body += ',';
    body += "{\"id_entity\":";
    telemetry::append_json_string(body, station.id);
    body += ",\"first\":\"";
    append_time(body, station.first);
    body += "\",\"last\":\"";
    append_time(body, station.last);
    body += "\"}";
  }
  auto response = Response::json(body + "]\n");
  add_validators(response, *version, "stations");
  co_await answer(exchange, std::move(response));
}

}  // namespace airdata
