#include "observe/api.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "control/api_json.h"
#include "control/routes.h"
#include "observe/explain.h"
#include "telemetry/metrics.h"

namespace fairlead::observe {
namespace {

using http::Exchange;
using http::PathParameters;
using http::Response;
using nlohmann::json;

constexpr std::size_t kMostValues = 100'000;

// ---- reading a query

template <typename Enum, std::size_t N>
Result<Enum> choose(std::string_view key, std::string_view value,
                    const std::pair<std::string_view, Enum> (&names)[N]) {
  for (const auto& [name, choice] : names)
    if (name == value) return choice;
  return fail(Code::kInvalid, fmt::format("{}: '{}' is not known", key, value));
}

constexpr std::pair<std::string_view, Reduce> kReduces[] = {
    {"rate", Reduce::kRate}, {"increase", Reduce::kIncrease}, {"mean", Reduce::kMean},
    {"min", Reduce::kMin},   {"max", Reduce::kMax},           {"last", Reduce::kLast}};
constexpr std::pair<std::string_view, Across> kAcross[] = {
    {"sum", Across::kSum}, {"mean", Across::kMean}, {"min", Across::kMin}, {"max", Across::kMax}};

Result<double> number(std::string_view key, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return fail(Code::kInvalid, fmt::format("{}: '{}' is no number", key, text));
  return value;
}

Duration seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

Result<WallTime> time_of(std::string_view key, std::string_view text) {
  if (text.find('T') != std::string_view::npos) return control::parse_rfc3339(text);
  TRY(const double value, number(key, text));
  if (value < 0 || value > 9e9)
    return fail(Code::kInvalid, fmt::format("{}: '{}' is no time", key, text));
  return WallTime(seconds(value));
}

struct Asked {
  MetricQuery query{.from = wall_now() - 1h, .to = wall_now()};
  std::optional<double> quantile;
};

Result<> set_parameter(Asked& asked, std::string_view key, const std::string& value) {
  MetricQuery& query = asked.query;
  if (key == "name") {
    query.select.name = value;
  } else if (key == "label") {
    const auto colon = value.find(':');
    if (colon == std::string::npos)
      return fail(Code::kInvalid, fmt::format("label: '{}' is not KEY:VALUE", value));
    query.select.labels.emplace_back(value.substr(0, colon), value.substr(colon + 1));
  } else if (key == "since") {
    TRY(query.from, time_of(key, value));
  } else if (key == "until") {
    TRY(query.to, time_of(key, value));
  } else if (key == "step") {
    TRY(const double step, number(key, value));
    if (step < 1 || step > 1e8) return fail(Code::kInvalid, "step: from 1 to 100000000 seconds");
    query.step = std::max<Duration>(seconds(step), MetricStore::kStep);
  } else if (key == "reduce") {
    TRY(query.reduce, choose(key, value, kReduces));
  } else if (key == "across") {
    TRY(query.across, choose(key, value, kAcross));
  } else if (key == "by") {
    query.by.push_back(value);
  } else if (key == "quantile") {
    TRY(asked.quantile, number(key, value));
  } else {
    return fail(Code::kInvalid, fmt::format("unknown parameter '{}'", key));
  }
  return {};
}

Result<Asked> query_of(const http::Request& request) {
  Asked asked;
  for (const auto part : split(request.query, '&')) {
    if (part.empty()) continue;
    const auto equals = std::min(part.find('='), part.size());
    TRY(const auto value,
        http::percent_decode(part.substr(std::min(equals + 1, part.size())), true));
    TRY_VOID(set_parameter(asked, part.substr(0, equals), value));
  }
  const MetricQuery& query = asked.query;
  if (query.select.name.empty()) return fail(Code::kInvalid, "name is missing");
  if (query.to <= query.from) return fail(Code::kInvalid, "until is not after since");
  if (static_cast<std::size_t>((query.to - query.from) / query.step) > kMostValues)
    return fail(Code::kInvalid, "too many steps: ask for a larger one");
  return asked;
}

// ---- writing answers

json to_json(const MetricLabels& labels) {
  json object = json::object();
  for (const auto& [key, value] : labels) object[key] = value;
  return object;
}

json to_json(const MetricResult& result) {
  json groups = json::array();
  for (const auto& group : result.groups) {
    json values = json::array();
    for (const double value : group.values)
      values.push_back(std::isnan(value) ? json() : json(value));
    groups.push_back({{"labels", to_json(group.labels)}, {"values", std::move(values)}});
  }
  return {{"from", std::chrono::duration<double>(result.from.time_since_epoch()).count()},
          {"step", std::chrono::duration<double>(result.step).count()},
          {"groups", std::move(groups)}};
}

json to_json(const Alert& alert) {
  return {{"rule", alert.rule},
          {"severity", alert.severity},
          {"labels", to_json(alert.labels)},
          {"summary", alert.summary},
          {"state", alert.state == Alert::kFiring ? "firing" : "pending"},
          {"since", rfc3339(alert.since)},
          {"silenced", alert.silenced}};
}

json alerts_json(const Alerts& alerts) {
  json list = json::array(), silences = json::array(), rules = json::array();
  for (const auto& alert : alerts.alerts()) list.push_back(to_json(alert));
  for (const auto& silence : alerts.silences())
    silences.push_back({{"id", silence.id},
                        {"rule", silence.rule},
                        {"labels", to_json(silence.labels)},
                        {"until", rfc3339(silence.until)},
                        {"comment", silence.comment}});
  for (const auto& rule : alerts.rules())
    rules.push_back({{"name", rule.name}, {"severity", rule.severity}});
  return {{"alerts", list},
          {"silences", silences},
          {"rules", rules},
          {"targets", alerts.targets().size()},
          {"waiting", alerts.waiting()}};
}

Response answer_of(const Error& error) {
  const std::uint16_t status = error.code() == Code::kNotFound  ? 404
                               : error.code() == Code::kInvalid ? 400
                                                                : 500;
  return Response::problem(status, "Cannot be answered", error.message());
}

Response json_response(const json& value) { return Response::json(control::dump(value) + "\n"); }

io::Task<void> respond(Exchange& exchange, Response response) {
  static_cast<void>(co_await exchange.respond(std::move(response)));
}

// ---- the routes

io::Task<void> answer_metrics_text(Observatory& observatory, Exchange& exchange) {
  const auto samples = observatory.collector().last_round();
  auto response = Response::text(write_openmetrics(*samples));
  response.fields.set("Content-Type", std::string(telemetry::kOpenMetricsType));
  co_await respond(exchange, std::move(response));
}

io::Task<void> answer_names(Observatory& observatory, Exchange& exchange) {
  auto list = co_await observatory.ask([&] {
    json names = json::array();
    for (const auto& name : observatory.metric_store().names())
      names.push_back(
          {{"name", name}, {"series", observatory.metric_store().select({name, {}}).size()}});
    return names;
  });
  co_await respond(exchange, json_response(list));
}

io::Task<void> answer_query(Observatory& observatory, Exchange& exchange) {
  auto asked = query_of(exchange.request);
  if (!asked) co_return co_await respond(exchange, answer_of(asked.error()));
  const auto result = co_await observatory.ask([&] {
    const auto& store = observatory.metric_store();
    return asked->quantile ? store.quantile(asked->query, *asked->quantile)
                           : store.query(asked->query);
  });
  co_await respond(exchange, result ? json_response(to_json(*result)) : answer_of(result.error()));
}

io::Task<void> answer_alerts(Observatory& observatory, Exchange& exchange) {
  co_await respond(exchange, json_response(alerts_json(observatory.alerts())));
}

io::Task<void> answer_test(Observatory& observatory, Exchange& exchange) {
  const auto queued =
      co_await observatory.ask([&] { return observatory.alerts().test(wall_now()); });
  co_await respond(exchange, queued ? Response::json("{}\n", 202) : answer_of(queued.error()));
}

Result<Silence> silence_of(std::string_view body) {
  const auto object = json::parse(body, nullptr, false);
  const auto invalid = [] {
    return fail(Code::kInvalid, R"(write {"rule","labels":{},"seconds","comment"})");
  };
  if (!object.is_object()) return invalid();
  try {
    Silence silence{.rule = object.value("rule", ""), .comment = object.value("comment", "")};
    const json labels = object.value("labels", json::object());
    for (const auto& [key, value] : labels.items())
      silence.labels.emplace_back(key, value.get<std::string>());
    const double length = object.value("seconds", 7200.0);
    if (!(length > 0 && length <= 366 * 86400.0)) return invalid();
    silence.until = wall_now() + seconds(length);
    return silence;
  } catch (const json::exception&) {
    return invalid();
  }
}

io::Task<void> answer_silence(Observatory& observatory, Exchange& exchange) {
  auto body = co_await exchange.read_body();
  if (!body) co_return;
  auto silence = silence_of(*body);
  if (!silence) co_return co_await respond(exchange, answer_of(silence.error()));
  const auto id =
      co_await observatory.ask([&] { return observatory.alerts().silence(*std::move(silence)); });
  co_await respond(exchange, id ? json_response({{"id", *id}}) : answer_of(id.error()));
}

io::Task<void> answer_unsilence(Observatory& observatory, Exchange& exchange,
                                PathParameters parameters) {
  const auto id = parse_unsigned(parameters.at(0).second).value_or(0);
  const auto done = co_await observatory.ask([&] { return observatory.alerts().unsilence(id); });
  co_await respond(exchange, done ? Response{.status = 204} : answer_of(done.error()));
}

io::Task<void> answer_explain(Observatory& observatory, Exchange& exchange) {
  const auto request = exchange.request.parameter("request");
  observatory.intake().flush();  // what was written is found
  const auto explanation = co_await observatory.ask([&] {
    return request ? explain_request(observatory.log_store(), observatory.metric_store(), *request)
                   : explain_last_incident(observatory.log_store(), observatory.metric_store());
  });
  // That nothing happened is an answer too.
  if (!request && !explanation && explanation.error().code() == Code::kNotFound)
    co_return co_await respond(
        exchange,
        Response::json(
            to_json(Explanation{.title = explanation.error().message(), .at = wall_now()}) + "\n"));
  co_await respond(exchange, explanation ? Response::json(to_json(*explanation) + "\n")
                                         : answer_of(explanation.error()));
}

}  // namespace

void add_observe_routes(http::Router& router, Observatory& observatory) {
  using http::Method;
  const auto add = [&](Method method, std::string_view path, auto answer) {
    router.add(method, path, [&observatory, answer](Exchange& exchange, PathParameters parameters) {
      if (!control::may_ask(exchange.request)) return control::refuse(exchange);
      if constexpr (requires { answer(observatory, exchange, std::move(parameters)); })
        return answer(observatory, exchange, std::move(parameters));
      else
        return answer(observatory, exchange);
    });
  };
  add(Method::kGet, "/metrics", answer_metrics_text);
  add(Method::kGet, "/v1/metrics", answer_names);
  add(Method::kGet, "/v1/metrics/query", answer_query);
  add(Method::kGet, "/v1/alerts", answer_alerts);
  add(Method::kPost, "/v1/alerts/test", answer_test);
  add(Method::kPost, "/v1/alerts/silences", answer_silence);
  add(Method::kDelete, "/v1/alerts/silences/{id}", answer_unsilence);
  add(Method::kGet, "/v1/explain", answer_explain);
}

}  // namespace fairlead::observe
