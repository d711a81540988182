// How each kind of receiver wants it.
#include <curl/curl.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "observe/forward.h"
#include "telemetry/log.h"

namespace fairlead::observe {
namespace {

using nlohmann::json;

constexpr long kTimeoutSeconds = 15;

struct CurlEnd {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using Curl = std::unique_ptr<CURL, CurlEnd>;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string nanoseconds(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

Result<> check(CURLcode code) {
  if (code == CURLE_OK) return {};
  return fail(Code::kUnavailable, curl_easy_strerror(code));
}

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() < 64 << 10) body.append(bytes, size * count);
  return size * count;
}

// POSTs over a connection that is kept.
class Poster {
 public:
  explicit Poster(const Destination& destination)
      : base_(destination.url), ca_(destination.ca), curl_(curl_easy_init()) {
    while (base_.ends_with('/')) base_.pop_back();
  }
  // The answer's body.
  Result<std::string> post(const std::string& path, const std::string& body,
                           const char* type = "application/json") {
    CURL* const curl = curl_.get();
    curl_easy_reset(curl);
    std::string answer;
    curl_slist* fields = curl_slist_append(nullptr, fmt::format("Content-Type: {}", type).c_str());
    curl_easy_setopt(curl, CURLOPT_URL, (base_ + path).c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!ca_.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, kTimeoutSeconds);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    const auto done = check(curl_easy_perform(curl));
    curl_slist_free_all(fields);
    TRY_VOID(done);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 == 2) return answer;
    return fail(Code::kUnavailable,
                fmt::format("it answered {}: {}", status, answer.substr(0, 200)));
  }

 private:
  std::string base_, ca_;
  Curl curl_;
};

class Loki final : public ForwardClient {
 public:
  explicit Loki(const Destination& destination) : poster_(destination) {}
  Result<> send(const std::vector<LogLine>& lines) override {
    std::map<LogLabels, json> values;
    for (const auto& line : lines)
      values.try_emplace(*line.labels, json::array())
          .first->second.push_back({nanoseconds(line.time), line.text});
    json streams = json::array();
    for (auto& [labels, list] : values) {
      json stream = {{"app", labels.app}, {"environment", labels.environment}};
      for (const auto& [key, value] : {std::pair("release", labels.release),
                                       {"replica", labels.replica},
                                       {"source", labels.source}})
        if (!value.empty()) stream[key] = value;
      streams.push_back({{"stream", std::move(stream)}, {"values", std::move(list)}});
    }
    TRY_VOID(poster_.post("/loki/api/v1/push", text_of({{"streams", std::move(streams)}})));
    return {};
  }

 private:
  Poster poster_;
};

class Elasticsearch final : public ForwardClient {
 public:
  explicit Elasticsearch(const Destination& destination)
      : poster_(destination), index_("fairlead-" + destination.app) {}
  Result<> send(const std::vector<LogLine>& lines) override {
    std::string body;
    for (const auto& line : lines) {
      const auto& labels = *line.labels;
      // The same line gets the same ID, so that sending it twice is keeping it once.
      const auto id = fmt::format("{}-{}", line.time.time_since_epoch().count(), line.sequence);
      body += text_of({{"index", {{"_index", index_}, {"_id", id}}}}) + "\n";
      json document = {{"@timestamp", rfc3339(line.time)},
                       {"message", line.text},
                       {"app", labels.app},
                       {"environment", labels.environment},
                       {"release", labels.release},
                       {"replica", labels.replica},
                       {"source", labels.source}};
      if (line.level) document["level"] = to_string(*line.level);
      if (line.status != 0) document["status"] = line.status;
      if (!line.request_id.empty()) document["request_id"] = line.request_id;
      body += text_of(document) + "\n";
    }
    TRY(const auto answer, poster_.post("/_bulk", body, "application/x-ndjson"));
    const auto outcome = json::parse(answer, nullptr, false);
    if (outcome.is_object() && outcome.value("errors", false))
      return fail(Code::kUnavailable, "it did not take all lines: " + answer.substr(0, 200));
    return {};
  }

 private:
  Poster poster_;
  std::string index_;
};

// ---- OTLP/HTTP with JSON (opentelemetry.io/docs/specs/otlp)

json attribute(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

json resource_of(const Destination& destination) {
  return {{"attributes",
           {attribute("service.name", destination.app),
            attribute("deployment.environment.name", destination.environment)}}};
}

// 32 and 16 hex digits that stand for a request: the same for all that tell of it.
std::string trace_id(std::string_view request, std::size_t digits) {
  std::string id;
  for (std::uint64_t salt = 0; id.size() < digits; ++salt) {
    std::uint64_t hash = 14695981039346656037u + salt;
    for (const char c : request) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    id += fmt::format("{:016x}", hash);
  }
  return id.substr(0, digits);
}

int severity(telemetry::Level level) {  // SeverityNumber
  constexpr int kNumbers[] = {5, 9, 13, 17};
  return kNumbers[static_cast<std::size_t>(level)];
}

class Otlp final : public ForwardClient {
 public:
  explicit Otlp(const Destination& destination)
      : poster_(destination), resource_(resource_of(destination)) {}

  Result<> send(const std::vector<LogLine>& lines) override {
    json records = json::array(), spans = json::array();
    for (const auto& line : lines) {
      records.push_back(record_of(line));
      if (line.labels->source == "edge")
        if (auto span = span_of(line); !span.is_null()) spans.push_back(std::move(span));
    }
    TRY_VOID(poster_.post("/v1/logs", wrap("resourceLogs", "scopeLogs", "logRecords", records)));
    if (!spans.empty())
      TRY_VOID(poster_.post("/v1/traces", wrap("resourceSpans", "scopeSpans", "spans", spans)));
    return {};
  }

  Result<> send(std::span<const ScrapedSample> samples, WallTime time) override {
    std::map<std::string, std::pair<bool, json>> metrics;  // name → (counter, points)
    for (const auto& sample : samples) {
      json attributes = json::array();
      for (const auto& [key, value] : sample.name.labels)
        attributes.push_back(attribute(key, value));
      auto& [counter, points] =
          metrics.try_emplace(sample.name.name, is_counter(sample.kind), json::array())
              .first->second;
      points.push_back({{"timeUnixNano", nanoseconds(time)},
                        {"asDouble", std::isfinite(sample.value) ? sample.value : 0.0},
                        {"attributes", std::move(attributes)}});
    }
    json list = json::array();
    for (auto& [name, metric] : metrics) {
      json data = {{"dataPoints", std::move(metric.second)}};
      if (metric.first) data.update({{"aggregationTemporality", 2}, {"isMonotonic", true}});
      list.push_back({{"name", name}, {metric.first ? "sum" : "gauge", std::move(data)}});
    }
    TRY_VOID(poster_.post("/v1/metrics", wrap("resourceMetrics", "scopeMetrics", "metrics", list)));
    return {};
  }

 private:
  static json record_of(const LogLine& line) {
    json attributes = json::array();
    const auto& labels = *line.labels;
    for (const auto& [key, value] : {std::pair("release", labels.release),
                                     {"replica", labels.replica},
                                     {"source", labels.source},
                                     {"request_id", line.request_id}})
      if (!value.empty()) attributes.push_back(attribute(key, value));
    json record = {{"timeUnixNano", nanoseconds(line.time)},
                   {"body", {{"stringValue", line.text}}},
                   {"attributes", std::move(attributes)}};
    if (line.level)
      record.update(
          {{"severityNumber", severity(*line.level)}, {"severityText", to_string(*line.level)}});
    if (!line.request_id.empty()) record["traceId"] = trace_id(line.request_id, 32);
    return record;
  }

  // An access record is a span of the server's side.
  static json span_of(const LogLine& line) {
    const auto fields = json::parse(line.text, nullptr, false);
    if (!fields.is_object() || line.request_id.empty()) return nullptr;
    const auto text = [&](const char* key) { return fields.value(key, ""); };
    const auto length = std::chrono::microseconds(fields.value("duration_us", std::int64_t(0)));
    return {{"traceId", trace_id(line.request_id, 32)},
            {"spanId", trace_id(line.request_id, 16)},
            {"name", text("method") + " " + text("route")},
            {"kind", 2},
            {"startTimeUnixNano", nanoseconds(line.time - length)},
            {"endTimeUnixNano", nanoseconds(line.time)},
            {"attributes",
             {attribute("http.request.method", text("method")),
              attribute("url.path", text("path")),
              attribute("server.address", text("host")),
              attribute("client.address", text("client")),
              {{"key", "http.response.status_code"},
               {"value", {{"intValue", std::to_string(line.status)}}}}}},
            {"status", {{"code", line.status >= 500 ? 2 : 0}}}};
  }

  std::string wrap(const char* resources, const char* scopes, const char* kind,
                   const json& items) const {
    return text_of({{resources,
                     {{{"resource", resource_},
                       {scopes, {{{"scope", {{"name", "fairlead"}}}, {kind, items}}}}}}}});
  }

  Poster poster_;
  json resource_;
};

// ---- syslog

// RFC 5424 §6: <PRI>1 TIME HOST APP PROCID MSGID [SD] MSG.
std::string syslog_message(const LogLine& line, const std::string& host) {
  constexpr int kFacility = 16;  // local0
  int level = 6;                 // informational
  if (line.level == telemetry::Level::kDebug) level = 7;
  if (line.level == telemetry::Level::kWarn) level = 4;
  if (line.level == telemetry::Level::kError || line.status >= 500) level = 3;
  const auto& labels = *line.labels;
  const auto word = [](std::string_view text) {
    std::string clean;
    for (const char c : text.substr(0, 48)) clean += c > ' ' && c < 127 ? c : '_';
    return clean.empty() ? std::string("-") : clean;
  };
  std::string data = "[fairlead@32473";  // the number kept for documentation: nobody else's
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    data.append(" ").append(key).append("=\"");
    for (const char c : value) {
      if (c == '"' || c == '\\' || c == ']') data += '\\';
      data += c;
    }
    data += '"';
  };
  add("environment", labels.environment);
  add("release", labels.release);
  add("request_id", line.request_id);
  data += ']';
  if (data == "[fairlead@32473]") data = "-";
  return fmt::format("<{}>1 {} {} {} {} {} {} {}", kFacility * 8 + level, rfc3339(line.time), host,
                     word(labels.app.empty() ? "fairlead" : labels.app), word(labels.replica),
                     word(labels.source), data, line.text);
}

class Syslog final : public ForwardClient {
 public:
  explicit Syslog(const Destination& destination) : destination_(destination) {
    char name[256] = {};
    host_ = ::gethostname(name, sizeof name - 1) == 0 ? name : "-";
  }

  Result<> send(const std::vector<LogLine>& lines) override {
    std::string bytes;
    for (const auto& line : lines) {
      const auto message = syslog_message(line, host_);
      bytes += fmt::format("{} {}", message.size(), message);
    }
    auto sent = put(bytes);
    if (!sent) curl_.reset();  // begin anew
    return sent;
  }

 private:
  // libcurl makes the connection, with TLS where it is asked for, and leaves the rest to us.
  Result<> open() {
    const auto& url = destination_.url;
    const bool tls = url.starts_with("tls://");
    if (!tls && !url.starts_with("tcp://"))
      return fail(Code::kInvalid, "write tls://HOST:PORT or tcp://HOST:PORT");
    curl_.reset(curl_easy_init());
    CURL* const curl = curl_.get();
    curl_easy_setopt(curl, CURLOPT_URL, ((tls ? "https://" : "http://") + url.substr(6)).c_str());
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kTimeoutSeconds);
    curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (!destination_.ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, destination_.ca.c_str());
    auto connected = check(curl_easy_perform(curl));
    if (!connected) curl_.reset();
    return connected;
  }

  Result<> put(std::string_view bytes) {
    if (!curl_) TRY_VOID(open());
    // What the receiver has closed meanwhile shows by its end of file.
    char nothing;
    std::size_t n = 0;
    if (curl_easy_recv(curl_.get(), &nothing, 1, &n) == CURLE_OK && n == 0) TRY_VOID(open());
    const Instant until = now() + std::chrono::seconds(kTimeoutSeconds);
    while (!bytes.empty()) {
      const CURLcode code = curl_easy_send(curl_.get(), bytes.data(), bytes.size(), &n);
      if (code == CURLE_AGAIN) {
        if (now() > until) return fail(Code::kTimeout, "it takes nothing");
        ::usleep(5000);
        continue;
      }
      TRY_VOID(check(code));
      bytes.remove_prefix(n);
    }
    return {};
  }

  const Destination destination_;
  std::string host_;
  Curl curl_;
};

}  // namespace

std::unique_ptr<ForwardClient> connect(const Destination& destination) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(started);
  switch (destination.kind) {
    case ForwardKind::kSyslog:
      return std::make_unique<Syslog>(destination);
    case ForwardKind::kLoki:
      return std::make_unique<Loki>(destination);
    case ForwardKind::kElasticsearch:
      return std::make_unique<Elasticsearch>(destination);
    case ForwardKind::kOtlp:
      return std::make_unique<Otlp>(destination);
  }
  return nullptr;
}

}  // namespace fairlead::observe
