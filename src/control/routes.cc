#include "control/routes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <tuple>

#include "base/strings.h"

namespace fairlead::control {

namespace {

Result<> set_parameter(LogQuery& query, std::string_view key, std::string value) {
  static constexpr std::pair<std::string_view, std::string LogQuery::*> kTexts[] = {
      {"app", &LogQuery::app},       {"environment", &LogQuery::environment},
      {"grep", &LogQuery::grep},     {"release", &LogQuery::release},
      {"level", &LogQuery::level},   {"request", &LogQuery::request_id},
      {"source", &LogQuery::source},
  };
  for (const auto& [name, member] : kTexts)
    if (name == key) {
      query.*member = std::move(value);
      return {};
    }
  if (key == "replica") {
    query.replicas.push_back(std::move(value));
  } else if (key == "since") {
    TRY(query.since, parse_rfc3339(value));
  } else if (key == "until") {
    TRY(query.until, parse_rfc3339(value));
  } else if (key == "status") {
    TRY(const auto range, parse_status_range(value));
    std::tie(query.status_from, query.status_to) = range;
  } else if (key == "tail") {
    const auto number = parse_unsigned(value);
    if (!number) return fail(Code::kInvalid, fmt::format("tail: '{}' is not a number", value));
    query.tail = *number;
  } else if (key == "follow") {
    query.follow = value == "1";
  } else {
    return fail(Code::kInvalid, fmt::format("unknown parameter '{}'", key));
  }
  return {};
}

}  // namespace

Result<LogQuery> log_query_of(const http::Request& request) {
  LogQuery query;
  for (const auto part : split(request.query, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto raw = equals == std::string_view::npos ? "" : part.substr(equals + 1);
    TRY(std::string value, http::percent_decode(raw, true));
    TRY_VOID(set_parameter(query, part.substr(0, equals), std::move(value)));
  }
  return query;
}

namespace {

using Shared = std::shared_ptr<const Handlers>;

io::Task<void> answer_version(Shared handlers, http::Exchange& exchange) {
  const nlohmann::json body = {{"version", handlers->status().version}};
  static_cast<void>(co_await exchange.respond(http::Response::json(body.dump() + "\n")));
}

io::Task<void> answer_status(Shared handlers, http::Exchange& exchange) {
  static_cast<void>(
      co_await exchange.respond(http::Response::json(to_json(handlers->status()) + "\n")));
}

io::Task<void> answer_stop(Shared handlers, http::Exchange& exchange) {
  static_cast<void>(co_await exchange.respond(http::Response::json("{}\n", 202)));
  handlers->stop();
}

io::Task<void> answer_logs(Shared handlers, http::Exchange& exchange) {
  auto query = log_query_of(exchange.request);
  if (!query) {
    static_cast<void>(co_await exchange.respond(
        http::Response::problem(400, "Bad query", query.error().message())));
    co_return;
  }
  co_await stream_log(exchange, handlers->logs(std::move(*query)));
}

using Answer = io::Task<void> (*)(Shared, http::Exchange&);

http::RouteHandler bind(Shared handlers, Answer answer) {
  return [handlers, answer](http::Exchange& exchange, http::PathParameters) {
    return may_ask(exchange.request) ? answer(handlers, exchange) : refuse(exchange);
  };
}

}  // namespace

io::Task<void> stream_log(http::Exchange& exchange, LogSource source) {
  http::Response head;
  head.fields.set("Content-Type", "application/x-ndjson");
  if (!co_await exchange.start(std::move(head))) co_return;
  for (;;) {
    // A quiet log gets an empty line now and then: that is how a client that has gone is noticed.
    const auto lines = co_await source(io::Deadline::in(5s).or_when(exchange.cut_off()));
    if (lines && lines->empty()) break;
    if (!lines && lines.error().code() != Code::kTimeout) break;
    std::string text;
    if (!lines) text = "\n";
    if (lines)
      for (const auto& line : *lines) text.append(to_json(line)).push_back('\n');
    if (!co_await exchange.write(text)) co_return;
  }
  static_cast<void>(co_await exchange.finish());
}

bool may_ask(const http::Request& request) {
  return request.peer_uid && (*request.peer_uid == 0 || *request.peer_uid == ::geteuid());
}

io::Task<void> refuse(http::Exchange& exchange) {
  static_cast<void>(co_await exchange.respond(http::Response::problem(
      403, "Forbidden", "only the user that control runs as, and root, may ask it")));
}

http::Router make_routes(Handlers handlers) {
  const auto shared = std::make_shared<const Handlers>(std::move(handlers));
  http::Router router;
  router.add(http::Method::kGet, "/v1/version", bind(shared, answer_version));
  router.add(http::Method::kGet, "/v1/status", bind(shared, answer_status));
  router.add(http::Method::kGet, "/v1/logs", bind(shared, answer_logs));
  router.add(http::Method::kPost, "/v1/stop", bind(shared, answer_stop));
  return router;
}

}  // namespace fairlead::control
