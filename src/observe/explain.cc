#include "observe/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "control/api_json.h"
#include "observe/log_source.h"

namespace fairlead::observe {
namespace {

using nlohmann::json;

constexpr Duration kPatience = 5s;  // of one search
constexpr std::size_t kMostLines = 60;

std::vector<LogLine> search(const LogStore& logs, LogQuery query) {
  query.give_up = now() + kPatience;
  auto page = logs.newest(query);
  std::ranges::reverse(page.lines);
  return std::move(page.lines);
}

// What one line says in JSON; an empty object for others.
json fields_of(const LogLine& line) {
  auto fields = json::parse(line.text, nullptr, false);
  return fields.is_object() ? fields : json::object();
}

std::string text_of(const json& fields, const char* key) {
  const auto found = fields.find(key);
  return found != fields.end() && found->is_string() ? found->get<std::string>() : "";
}

Duration microseconds_of(const json& fields, const char* key) {
  const auto found = fields.find(key);
  return std::chrono::microseconds(
      found != fields.end() && found->is_number() ? found->get<std::int64_t>() : 0);
}

void merge(std::vector<LogLine>& timeline, std::vector<LogLine> more) {
  std::ranges::move(more, std::back_inserter(timeline));
  std::ranges::sort(timeline, {}, &LogLine::sequence);
  const auto same = std::ranges::unique(timeline, {}, &LogLine::sequence);
  timeline.erase(same.begin(), same.end());
}

// In the order of time: an access record is written when its request is over.
std::vector<control::LogLine> to_timeline(std::vector<LogLine> lines) {
  std::ranges::sort(lines, {},
                    [](const LogLine& line) { return std::pair(line.time, line.sequence); });
  std::vector<control::LogLine> timeline;
  for (auto& line : lines) timeline.push_back(to_control(std::move(line)));
  return timeline;
}

double total(const Result<MetricResult>& result) {
  double sum = 0;
  if (result)
    for (const auto& group : result->groups)
      for (const double value : group.values)
        if (!std::isnan(value)) sum += value;
  return sum;
}

// "312 requests, 4 failed (1.3%), p99 80ms": of an app in the five minutes around a time.
std::string traffic(const MetricStore& metrics, const std::string& app,
                    const std::string& environment, WallTime at) {
  MetricLabels labels;
  if (!app.empty()) labels = {{"app", app}, {"environment", environment}};
  const auto counted = [&](MetricLabels more) {
    std::ranges::copy(labels, std::back_inserter(more));
    return total(metrics.query({.select = {"fairlead_edge_requests", std::move(more)},
                                .from = at - 150s,
                                .to = at + 150s,
                                .reduce = Reduce::kIncrease}));
  };
  const double all = counted({}), failed = counted({{"class", "5xx"}});
  if (all == 0) return "";
  std::string text =
      fmt::format("{:.0f} requests, {:.0f} failed ({:.1f}%)", all, failed, failed / all * 100);
  const auto p99 = metrics.quantile({.select = {"fairlead_edge_request_duration_seconds", labels},
                                     .from = at - 150s,
                                     .to = at + 150s,
                                     .step = 5min},
                                    0.99);
  if (p99)
    for (const auto& group : p99->groups)
      for (const double value : group.values)
        if (!std::isnan(value))
          return text + fmt::format(", p99 {}", human(std::chrono::duration_cast<Duration>(
                                                    std::chrono::duration<double>(value))));
  return text;
}

// Deployments, crashes and alerts: what control noted, and Fairlead's own lines among an app's.
std::vector<LogLine> events(const LogStore& logs, const std::string& app, WallTime from,
                            WallTime to) {
  auto found = search(logs, {.app = app, .source = "control", .from = from, .to = to});
  merge(found, search(logs, {.app = app, .terms = {"[fairlead:"}, .from = from, .to = to}));
  return found;
}

std::string who_answered(const json& record) {
  const std::string origin = text_of(record, "origin");
  if (text_of(record, "cache") == "hit") return "the edge's cache";
  if (origin.empty()) return "the edge itself, before it chose a replica";
  return fmt::format("{}{}", origin,
                     text_of(record, "release").empty() ? "" : ", " + text_of(record, "release"));
}

void add_record(Explanation& explanation, const LogLine& line) {
  const json record = fields_of(line);
  const auto duration = microseconds_of(record, "duration_us");
  const auto at_origin = microseconds_of(record, "origin_us");
  auto& facts = explanation.facts;
  explanation.title = fmt::format(
      "{} {}{} was answered {} after {} by {}", text_of(record, "method"), text_of(record, "host"),
      text_of(record, "path"), line.status, human(duration), who_answered(record));
  facts.push_back(
      {"client", fmt::format("{} ({}, {})", text_of(record, "client"), text_of(record, "protocol"),
                             text_of(record, "user_agent"))});
  if (at_origin > Duration(0))
    facts.push_back({"time", fmt::format("{} until the replica answered, {} in the edge and to the "
                                         "client",
                                         human(at_origin), human(duration - at_origin))});
  if (const auto retries = record.value("retries", 0); retries > 0)
    facts.push_back({"retries", fmt::format("tried {} times more, elsewhere", retries)});
}

}  // namespace

std::string to_json(const Explanation& explanation) {
  json facts = json::array(), timeline = json::array();
  for (const auto& fact : explanation.facts)
    facts.push_back({{"label", fact.label}, {"text", fact.text}});
  for (const auto& line : explanation.timeline)
    timeline.push_back(json::parse(control::to_json(line)));
  return control::dump({{"title", explanation.title},
                        {"at", control::write_time(explanation.at)},
                        {"facts", facts},
                        {"timeline", timeline},
                        {"next", explanation.next}});
}

Result<Explanation> explain_request(const LogStore& logs, const MetricStore& metrics,
                                    const std::string& request_id) {
  auto timeline = search(logs, {.request_id = request_id, .limit = kMostLines});
  // Apps that write plain lines may have it among their words.
  merge(timeline, search(logs, {.terms = {request_id}, .limit = kMostLines}));
  if (timeline.empty())
    return fail(Error(Code::kNotFound, fmt::format("the log has nothing of request {}", request_id))
                    .hint("the ID is the X-Request-ID of the answer"));
  Explanation explanation{.title = fmt::format("request {}", request_id),
                          .at = timeline.back().time};
  const auto record =
      std::ranges::find(timeline, "edge", [](const LogLine& line) { return line.labels->source; });
  const LogLine about = record == timeline.end() ? timeline.back() : *record;
  explanation.at = about.time;
  if (record != timeline.end()) add_record(explanation, about);
  const LogLabels& labels = *about.labels;
  if (const auto text = traffic(metrics, labels.app, labels.environment, about.time); !text.empty())
    explanation.facts.push_back({"around it", text + " in five minutes"});

  // What its replica said meanwhile, and what control did.
  const auto duration = microseconds_of(fields_of(about), "duration_us");
  if (!labels.replica.empty())
    merge(timeline, search(logs, {.app = labels.app,
                                  .environment = labels.environment,
                                  .replica = labels.replica,
                                  .source = "app",
                                  .from = about.time - duration - 1s,
                                  .to = about.time + 1s,
                                  .limit = kMostLines / 2}));
  if (!labels.app.empty())
    merge(timeline, events(logs, labels.app, about.time - 5min, about.time + 1min));
  explanation.timeline = to_timeline(std::move(timeline));
  if (!labels.app.empty())
    explanation.next = {fmt::format("fairlead logs --app {} --status {}xx --since 1h", labels.app,
                                    about.status / 100),
                        fmt::format("fairlead logs --app {} --level warn --since 1h", labels.app)};
  return explanation;
}

namespace {

// The newest line that tells of trouble: an alert, then anything else.
std::optional<LogLine> last_trouble(const LogStore& logs) {
  const LogQuery queries[] = {
      {.source = "control", .terms = {"fires"}, .limit = 1},
      {.source = "control", .least_level = Level::kError, .limit = 1},
      {.terms = {"[fairlead:"}, .limit = 1},
      {.source = "edge", .status_from = 500, .status_to = 599, .limit = 1},
  };
  for (const auto& query : queries)
    if (auto found = search(logs, query); !found.empty()) return std::move(found.front());
  return std::nullopt;
}

// "12 × GET /checkout 502": what failed, most often first.
std::vector<std::string> failed_requests(const std::vector<LogLine>& records) {
  std::map<std::string, unsigned> counts;
  for (const auto& line : records) {
    const json record = fields_of(line);
    ++counts[fmt::format("{} {} {}", text_of(record, "method"), text_of(record, "path"),
                         line.status)];
  }
  std::vector<std::pair<unsigned, std::string>> sorted;
  for (const auto& [text, count] : counts) sorted.emplace_back(count, text);
  std::ranges::sort(sorted, std::ranges::greater());
  sorted.resize(std::min<std::size_t>(sorted.size(), 5));
  std::vector<std::string> texts;
  for (const auto& [count, text] : sorted) texts.push_back(fmt::format("{} × {}", count, text));
  return texts;
}

}  // namespace

Result<Explanation> explain_last_incident(const LogStore& logs, const MetricStore& metrics) {
  const auto trouble = last_trouble(logs);
  if (!trouble)
    return fail(Code::kNotFound, "the log knows of no alert, no crash and no failed request");
  const LogLabels& labels = *trouble->labels;
  const WallTime from = trouble->time - 10min, to = trouble->time + 5min;
  const json fields = fields_of(*trouble);
  Explanation explanation{.at = trouble->time};
  const std::string message = text_of(fields, "message");
  explanation.title =
      fmt::format("{}{}", labels.app.empty() ? "" : labels.app + "/" + labels.environment + ": ",
                  message.empty() ? trouble->text : message);
  if (labels.source == "edge") add_record(explanation, *trouble);
  if (const auto text = traffic(metrics, labels.app, labels.environment, trouble->time);
      !text.empty())
    explanation.facts.push_back({"traffic", text + " in the five minutes around it"});
  const auto failures = search(logs, {.app = labels.app,
                                      .source = "edge",
                                      .status_from = 500,
                                      .status_to = 599,
                                      .from = from,
                                      .to = to,
                                      .limit = 1000});
  for (const auto& text : failed_requests(failures)) explanation.facts.push_back({"failed", text});

  std::vector<LogLine> timeline{*trouble};
  merge(timeline, events(logs, labels.app, from, to));
  merge(timeline, search(logs, {.app = labels.app,
                                .source = "app",
                                .least_level = Level::kWarn,
                                .from = from,
                                .to = to,
                                .limit = kMostLines / 2}));
  // The first failures say more than the last.
  merge(timeline, {failures.begin(),
                   failures.begin() +
                       static_cast<std::ptrdiff_t>(std::min<std::size_t>(failures.size(), 5))});
  explanation.timeline = to_timeline(std::move(timeline));
  if (!failures.empty() && !failures.front().request_id.empty())
    explanation.next.push_back("fairlead explain " + failures.front().request_id);
  explanation.next.push_back(fmt::format("fairlead logs{} --since {} --until {}",
                                         labels.app.empty() ? "" : " --app " + labels.app,
                                         rfc3339(from), rfc3339(to)));
  return explanation;
}

}  // namespace fairlead::observe
