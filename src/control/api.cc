#include "control/api.h"

#include <fmt/format.h>

#include <ctime>

#include "base/strings.h"
#include "control/api_json.h"
#include "http/message.h"

namespace fairlead::control {

namespace {

constexpr std::array<std::string_view, 6> kStateNames = {"starting", "ready",       "stopping",
                                                         "stopped",  "backing off", "crash loop"};

constexpr std::array<std::string_view, 5> kFailureNames = {"other", "exited", "out of memory",
                                                           "not ready", "wrong port"};

json write(const ProbeEvidence& probe) {
  return {{"request", probe.request},   {"address", probe.address}, {"status", probe.status},
          {"location", probe.location}, {"body", probe.body},       {"error", probe.error}};
}

}  // namespace

json write_time(WallTime time) { return time == WallTime{} ? json(nullptr) : json(rfc3339(time)); }

void read_time(const json& object, const char* key, WallTime& into) {
  std::string text;
  read(object, key, text);
  if (!text.empty()) into = parse_rfc3339(text).value_or(WallTime{});
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json write(const Failure& failure) {
  return {{"at", write_time(failure.at)},
          {"kind", kFailureNames[static_cast<std::size_t>(failure.kind)]},
          {"cause", failure.cause},
          {"exit_code", failure.exit_code},
          {"signal", failure.signal},
          {"out_of_memory", failure.out_of_memory},
          {"memory_peak", failure.memory_peak},
          {"probe", failure.probe ? write(*failure.probe) : json(nullptr)},
          {"listening", failure.listening},
          {"last_lines", failure.last_lines},
          {"next_step", failure.next_step}};
}

Failure read_failure(const json& object) {
  Failure failure;
  read_time(object, "at", failure.at);
  read_name(object, "kind", kFailureNames, failure.kind);
  read(object, "cause", failure.cause);
  read(object, "exit_code", failure.exit_code);
  read(object, "signal", failure.signal);
  read(object, "out_of_memory", failure.out_of_memory);
  read(object, "memory_peak", failure.memory_peak);
  read(object, "listening", failure.listening);
  read(object, "last_lines", failure.last_lines);
  read(object, "next_step", failure.next_step);
  if (const auto probe = object.find("probe"); probe != object.end() && probe->is_object()) {
    auto& evidence = failure.probe.emplace();
    read(*probe, "request", evidence.request);
    read(*probe, "address", evidence.address);
    read(*probe, "status", evidence.status);
    read(*probe, "location", evidence.location);
    read(*probe, "body", evidence.body);
    read(*probe, "error", evidence.error);
  }
  return failure;
}

namespace {

json write(const ProcessStatus& process) {
  return {{"name", process.name},
          {"type", process.type},
          {"release", process.release},
          {"state", to_string(process.state)},
          {"pid", process.pid},
          {"address", process.address},
          {"since", write_time(process.since)},
          {"restarts", process.restarts},
          {"memory", process.memory},
          {"memory_limit", process.memory_limit},
          {"failure", process.failure ? write(*process.failure) : json(nullptr)}};
}

json write(const EnvironmentStatus& environment) {
  json processes = json::array();
  for (const auto& process : environment.processes) processes.push_back(write(process));
  return {{"app", environment.app},         {"environment", environment.environment},
          {"version", environment.version}, {"store", environment.store},
          {"mode", environment.mode},       {"urls", environment.urls},
          {"processes", processes}};
}

ProcessStatus read_process(const json& object) {
  ProcessStatus process;
  read(object, "name", process.name);
  read(object, "type", process.type);
  read(object, "release", process.release);
  read_name(object, "state", kStateNames, process.state);
  read(object, "pid", process.pid);
  read(object, "address", process.address);
  read_time(object, "since", process.since);
  read(object, "restarts", process.restarts);
  read(object, "memory", process.memory);
  read(object, "memory_limit", process.memory_limit);
  if (const auto failure = object.find("failure"); failure != object.end() && failure->is_object())
    process.failure = read_failure(*failure);
  return process;
}

EnvironmentStatus read_environment(const json& object) {
  EnvironmentStatus environment;
  read(object, "app", environment.app);
  read(object, "environment", environment.environment);
  read(object, "version", environment.version);
  read(object, "store", environment.store);
  read(object, "mode", environment.mode);
  read(object, "urls", environment.urls);
  if (const auto processes = object.find("processes"); processes != object.end())
    for (const auto& process : *processes) environment.processes.push_back(read_process(process));
  return environment;
}

}  // namespace

std::string_view to_string(ProcessState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::string to_json(const Status& status) {
  json environments = json::array();
  for (const auto& environment : status.environments) environments.push_back(write(environment));
  return dump({{"version", status.version},
               {"pid", status.pid},
               {"started", write_time(status.started)},
               {"state_folder", status.state_folder},
               {"log_folder", status.log_folder},
               {"edge", write(status.edge)},
               {"listeners", status.listeners},
               {"environments", environments},
               {"dashboard", status.dashboard},
               {"notes", status.notes}});
}

Result<Status> status_from_json(std::string_view text) {
  return parse<Status>("control's status", text, [](const json& object, Status& status) {
    read(object, "version", status.version);
    read(object, "pid", status.pid);
    read_time(object, "started", status.started);
    read(object, "state_folder", status.state_folder);
    read(object, "log_folder", status.log_folder);
    if (const auto edge = object.find("edge"); edge != object.end())
      status.edge = read_process(*edge);
    read(object, "listeners", status.listeners);
    if (const auto found = object.find("environments"); found != object.end())
      for (const auto& environment : *found)
        status.environments.push_back(read_environment(environment));
    read(object, "dashboard", status.dashboard);
    read(object, "notes", status.notes);
  });
}

std::string to_json(const LogLine& line) {
  json object = {{"time", rfc3339(line.time)}, {"replica", line.replica}, {"text", line.text}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) object[key] = value;
  };
  add("app", line.app);
  add("environment", line.environment);
  add("release", line.release);
  add("source", line.source);
  add("level", line.level);
  add("request_id", line.request_id);
  if (line.status != 0) object["status"] = line.status;
  return dump(object);
}

Result<LogLine> log_line_from_json(std::string_view text) {
  return parse<LogLine>("a log line", text, [](const json& object, LogLine& line) {
    read_time(object, "time", line.time);
    read(object, "replica", line.replica);
    read(object, "text", line.text);
    read(object, "app", line.app);
    read(object, "environment", line.environment);
    read(object, "release", line.release);
    read(object, "source", line.source);
    read(object, "level", line.level);
    read(object, "request_id", line.request_id);
    read(object, "status", line.status);
  });
}

Result<std::pair<std::uint16_t, std::uint16_t>> parse_status_range(std::string_view text) {
  const bool a_class = text.size() == 3 && text.substr(1) == "xx";
  const auto number = parse_unsigned(a_class ? text.substr(0, 1) : text);
  const auto low = number ? *number * (a_class ? 100 : 1) : 0;
  if (low < 100 || low > 599)
    return fail(Code::kInvalid, fmt::format("'{}' is no status like 404 or 5xx", text));
  const auto from = static_cast<std::uint16_t>(low);
  return std::pair(from, static_cast<std::uint16_t>(a_class ? from + 99 : from));
}

std::string query_string(const LogQuery& query) {
  std::string text = fmt::format("tail={}", query.tail);
  const auto add = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) text += fmt::format("&{}={}", key, http::percent_encode(value));
  };
  add("app", query.app);
  add("environment", query.environment);
  add("release", query.release);
  add("source", query.source);
  add("grep", query.grep);
  add("level", query.level);
  add("request", query.request_id);
  for (const auto& replica : query.replicas) add("replica", replica);
  if (query.since) add("since", rfc3339(*query.since));
  if (query.until) add("until", rfc3339(*query.until));
  if (query.status_from != 0)
    text += query.status_to == query.status_from
                ? fmt::format("&status={}", query.status_from)
                : fmt::format("&status={}xx", query.status_from / 100);
  if (query.follow) text += "&follow=1";
  return text;
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  const auto wrong = [&] {
    return fail(Code::kInvalid, fmt::format("'{}' is not a time like 2026-11-20T13:39:18Z", text));
  };
  // A fixed shape up to the seconds; then an optional fraction; then Z.
  static constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kShape.size() + 1 || text.back() != 'Z') return wrong();
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return wrong();
  }
  const auto number = [&](std::size_t at, std::size_t length) {
    return static_cast<int>(*parse_unsigned(text.substr(at, length)));
  };
  std::int64_t nanoseconds = 0;
  const auto fraction = text.substr(kShape.size(), text.size() - kShape.size() - 1);
  if (!fraction.empty()) {
    const auto digits = parse_unsigned(fraction.substr(1));
    if (fraction[0] != '.' || fraction.size() > 10 || !digits) return wrong();
    nanoseconds = static_cast<std::int64_t>(*digits);
    for (std::size_t i = fraction.size(); i < 10; ++i) nanoseconds *= 10;
  }
  std::tm fields{};
  fields.tm_year = number(0, 4) - 1900;
  fields.tm_mon = number(5, 2) - 1;
  fields.tm_mday = number(8, 2);
  fields.tm_hour = number(11, 2);
  fields.tm_min = number(14, 2);
  fields.tm_sec = number(17, 2);
  const std::tm asked = fields;
  const std::time_t seconds = timegm(&fields);
  if (fields.tm_mon != asked.tm_mon || fields.tm_mday != asked.tm_mday ||
      fields.tm_hour != asked.tm_hour || fields.tm_min != asked.tm_min ||
      fields.tm_sec != asked.tm_sec)
    return wrong();  // timegm has normalised a 31 February
  return WallTime(std::chrono::seconds(seconds)) + Duration(nanoseconds);
}

}  // namespace fairlead::control
