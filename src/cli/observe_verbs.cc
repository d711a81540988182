#include "cli/observe_verbs.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "config/values.h"
#include "control/client.h"
#include "observe/log_source.h"

namespace fairlead::cli {

using nlohmann::json;

namespace {

// "90s", "10m", "2h", "1d" back from now, or a time.
Result<WallTime> parse_when(std::string_view option, const std::string& text) {
  static constexpr std::pair<char, Duration> kUnits[] = {
      {'s', 1s}, {'m', 1min}, {'h', 1h}, {'d', std::chrono::hours(24)}};
  if (!text.empty())
    for (const auto& [unit, length] : kUnits)
      if (const auto count = parse_unsigned(std::string_view(text).substr(0, text.size() - 1));
          text.back() == unit && count && *count < 100'000)
        return wall_now() - length * static_cast<long>(*count);
  auto time = control::parse_rfc3339(text);
  if (!time)
    return fail(std::move(time)
                    .error()
                    .in(std::string(option))
                    .hint("write how long ago (90s, 10m, 2h, 1d), or a time in UTC"));
  return *time;
}

Result<control::LogQuery> query_of(const LogsOptions& options) {
  control::LogQuery query{.app = options.app,
                          .environment = options.environment,
                          .release = options.release,
                          .source = options.source,
                          .replicas = options.replicas,
                          .grep = options.grep,
                          .level = options.level,
                          .request_id = options.request,
                          .tail = options.lines,
                          .follow = options.follow};
  if (!options.since.empty()) {
    TRY(query.since, parse_when("--since", options.since));
  }
  if (!options.until.empty()) {
    TRY(query.until, parse_when("--until", options.until));
  }
  if (!options.status.empty()) {
    TRY(const auto range, control::parse_status_range(options.status));
    std::tie(query.status_from, query.status_to) = range;
  }
  return query;
}

Style style_of(const control::LogLine& line) {
  if (line.level == "error" || line.status >= 500) return Style::kRed;
  return line.level == "warn" || line.status >= 400 ? Style::kYellow : Style::kPlain;
}

bool print_line(const control::LogLine& line, bool json) {
  if (json)
    fmt::print("{}\n", control::to_json(line));
  else
    fmt::print("{} {} {}\n", styled(stdout, Style::kDim, rfc3339(line.time)),
               styled(stdout, Style::kBold, line.replica.empty() ? line.source : line.replica),
               styled(stdout, style_of(line), line.text));
  return std::ferror(stdout) == 0;
}

// What happened is there also when nothing runs any more. The lock keeps a control from starting
// meanwhile: a store has one user.
io::Task<Result<>> read_store(io::Loop& loop, StateFolders folders, control::LogQuery query,
                              std::function<bool(const control::LogLine&)> on_line) {
  CO_TRY(const auto lock, StateLock::take(folders));
  CO_TRY(const auto store, observe::LogStore::open({.folder = folders.observe() / "logs"}));
  io::Worker worker("log-search");
  auto source = observe::read_log(*store, loop, worker, std::move(query));
  for (;;) {
    CO_TRY(const auto lines, co_await source(io::Deadline::never()));
    if (lines.empty()) co_return Result<>();
    for (const auto& line : lines)
      if (!on_line(line)) co_return Result<>();
  }
}

Result<> print_logs(const LogsOptions& options) {
  TRY(auto query, query_of(options));
  TRY(const StateFolders folders, find_state(options.state, ""));
  TRY(const auto loop, io::Loop::create());
  const auto on_line = [&](const control::LogLine& line) {
    const bool more = print_line(line, options.json);
    if (options.follow) std::fflush(stdout);
    return more;
  };
  control::ControlClient client(*loop, folders.control_socket());
  auto asked = io::block_on(*loop, client.logs(query, on_line, io::Deadline::never()));
  std::error_code ignored;
  if (asked || asked.error().code() != Code::kUnavailable || options.follow ||
      !std::filesystem::exists(folders.observe() / "logs", ignored))
    return asked;
  return io::block_on(*loop, read_store(*loop, folders, std::move(query), on_line));
}

}  // namespace

namespace {

int status_of(const Result<>& done) {
  if (!done) print_error(done.error());
  return done ? 0 : 1;
}

// Asks the control that runs; the body.
Result<std::string> ask(const std::string& state, std::string target) {
  TRY(const StateFolders folders, find_state(state, ""));
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders.control_socket());
  return io::block_on(*loop, client.get(std::move(target), io::Deadline::in(30s)));
}

// Has it do something that is asked for by POST with JSON, or DELETE.
Result<> order(const std::string& state, std::string method, std::string target,
               std::string body = "{}") {
  TRY(const StateFolders folders, find_state(state, ""));
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders.control_socket());
  return io::block_on(*loop, client.order(std::move(method), std::move(target), std::move(body),
                                          io::Deadline::in(30s)));
}

// "app=shop" → {"app", "shop"}.
Result<std::vector<std::pair<std::string, std::string>>> labels_of(
    const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return fail(Code::kInvalid, fmt::format("'{}' is not LABEL=VALUE", text));
    labels.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return labels;
}

std::string joined(const json& labels) {
  std::string text;
  for (const auto& [key, value] : labels.items())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value.get<std::string>());
  return text;
}

// ---- metrics

void print_series(const json& result) {
  const double from = result.value("from", 0.0), step = result.value("step", 10.0);
  for (const auto& group : result.at("groups")) {
    const auto labels = joined(group.at("labels"));
    if (!labels.empty()) fmt::print("{}\n", styled(stdout, Style::kBold, labels));
    double at = from;
    for (const auto& value : group.at("values")) {
      const WallTime time{std::chrono::seconds(static_cast<std::int64_t>(at))};
      if (value.is_number())
        fmt::print("{} {:g}\n", styled(stdout, Style::kDim, rfc3339(time).substr(0, 19) + "Z"),
                   value.get<double>());
      at += step;
    }
  }
}

Result<> print_metrics(const MetricsOptions& options) {
  if (options.name.empty()) {
    TRY(const auto text, ask(options.state, "/v1/metrics"));
    if (options.json) {
      fmt::print("{}", text);
      return {};
    }
    for (const auto& metric : json::parse(text))
      fmt::print("{:<48} {:>6} series\n", metric.at("name").get<std::string>(),
                 metric.at("series").get<std::size_t>());
    return {};
  }
  std::string target = "/v1/metrics/query?name=" + http::percent_encode(options.name);
  TRY(const auto since, parse_when("--since", options.since));
  target += "&since=" + http::percent_encode(rfc3339(since));
  TRY(const auto labels, labels_of(options.labels));
  for (const auto& [key, value] : labels)
    target += "&label=" + http::percent_encode(key + ":" + value);
  for (const auto& label : options.by) target += "&by=" + http::percent_encode(label);
  if (!options.reduce.empty()) target += "&reduce=" + options.reduce;
  if (!options.across.empty()) target += "&across=" + options.across;
  if (options.quantile > 0) target += fmt::format("&quantile={}", options.quantile);
  if (!options.step.empty()) {
    TRY(const auto step, config::parse_duration(options.step));
    target += fmt::format("&step={}", std::chrono::duration<double>(step).count());
  }
  TRY(const auto text, ask(options.state, target));
  if (options.json)
    fmt::print("{}", text);
  else
    print_series(json::parse(text));
  return {};
}

// ---- alerts

void print_alerts(const json& all) {
  for (const auto& alert : all.at("alerts")) {
    const bool firing = alert.at("state") == "firing";
    const auto style = !firing                              ? Style::kDim
                       : alert.at("severity") == "critical" ? Style::kRed
                                                            : Style::kYellow;
    fmt::print("{} {} {}: {}{}, since {}\n",
               styled(stdout, style, fmt::format("{:<8}", alert.value("state", ""))),
               styled(stdout, Style::kBold, alert.value("rule", "")), joined(alert.at("labels")),
               alert.value("summary", ""), alert.value("silenced", false) ? " (silenced)" : "",
               alert.value("since", ""));
  }
  if (all.at("alerts").empty()) fmt::print("no alert is firing or pending\n");
  for (const auto& silence : all.at("silences"))
    fmt::print("silence {}: {} {} until {} {}\n", silence.value("id", 0),
               silence.value("rule", "").empty() ? "any rule" : silence.value("rule", ""),
               joined(silence.at("labels")), silence.value("until", ""),
               silence.value("comment", ""));
  const auto targets = all.value("targets", 0), waiting = all.value("waiting", 0);
  fmt::print("{} rules, {} targets{}\n", all.at("rules").size(), targets,
             waiting > 0 ? fmt::format(", {} notices wait to be delivered", waiting) : "");
}

Result<> do_alerts(const AlertsOptions& options) {
  if (options.action == "test") {
    TRY_VOID(order(options.state, "POST", "/v1/alerts/test"));
    fmt::print(stderr, "a notice is on its way to every target\n");
    return {};
  }
  if (options.action == "unsilence")
    return order(options.state, "DELETE", "/v1/alerts/silences/" + options.subject);
  if (options.action == "silence") {
    TRY(const auto length, config::parse_duration(options.length));
    TRY(const auto labels, labels_of(options.labels));
    json object = json::object();
    for (const auto& [key, value] : labels) object[key] = value;
    return order(options.state, "POST", "/v1/alerts/silences",
                 json{{"rule", options.subject},
                      {"labels", object},
                      {"seconds", std::chrono::duration<double>(length).count()},
                      {"comment", options.comment}}
                     .dump());
  }
  TRY(const auto text, ask(options.state, "/v1/alerts"));
  if (options.json)
    fmt::print("{}", text);
  else
    print_alerts(json::parse(text));
  return {};
}

// ---- explain

Result<> print_explanation(const ExplainOptions& options) {
  std::string target = "/v1/explain";
  if (options.subject != "last-incident")
    target += "?request=" + http::percent_encode(options.subject);
  TRY(const auto text, ask(options.state, target));
  if (options.json) {
    fmt::print("{}", text);
    return {};
  }
  const auto found = json::parse(text);
  fmt::print("{}\n\n", styled(stdout, Style::kBold, found.value("title", "")));
  for (const auto& fact : found.at("facts"))
    fmt::print("  {} {}\n",
               styled(stdout, Style::kDim, fmt::format("{:<10}", fact.value("label", ""))),
               fact.value("text", ""));
  fmt::print("\n");
  for (const auto& line : found.at("timeline")) {
    TRY(const auto read, control::log_line_from_json(line.dump()));
    print_line(read, false);
  }
  fmt::print("\n");
  for (const auto& next : found.at("next"))
    fmt::print("  {} {}\n", styled(stdout, Style::kDim, "more:"), next.get<std::string>());
  return {};
}

}  // namespace

int run_logs(const LogsOptions& options) { return status_of(print_logs(options)); }
int run_metrics(const MetricsOptions& options) { return status_of(print_metrics(options)); }
int run_alerts(const AlertsOptions& options) { return status_of(do_alerts(options)); }
int run_explain(const ExplainOptions& options) { return status_of(print_explanation(options)); }

}  // namespace fairlead::cli
