// Prometheus: what to scrape, and Fairlead's own alert rules in its language.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "target/renderers.h"
#include "target/yaml.h"

namespace fairlead::target {

namespace {

// `app` and `environment`, as every series of the app has them.
std::string labels_of(const config::AppSpec& app, std::string_view more = "") {
  return fmt::format(R"({{app="{}",environment="{}"{}}})", app.name, app.environment, more);
}

// The edge counts durations in buckets of powers of two, in µs: the first that is not below.
std::string bucket_above(Duration latency) {
  const double wanted = std::chrono::duration<double>(latency).count() * 1e6;
  return fmt::format("{}", std::exp2(std::ceil(std::log2(wanted))) / 1e6);
}

std::string duration(Duration length) {
  return fmt::format("{}s", std::chrono::duration_cast<std::chrono::seconds>(length).count());
}

class Rules {
 public:
  explicit Rules(const config::AppSpec& app) : app_(app) {}

  Yaml write() {
    Yaml file;
    Yaml& group = file["groups"].push();
    group["name"] = fmt::format("{}-{}", app_.name, app_.environment);
    rules_ = &group["rules"];
    add_defaults();
    for (const auto& rule : app_.alerts.rules) add_own(rule);
    add_machine();
    return file;
  }

 private:
  void add(const std::string& name, const std::string& expression, Duration hold,
           const char* severity, const std::string& summary) {
    if (std::ranges::find(app_.alerts.mute, name) != app_.alerts.mute.end()) return;
    Yaml& rule = rules_->push();
    rule["alert"] = name;
    rule["expr"] = expression;
    if (hold > Duration(0)) rule["for"] = duration(hold);
    rule["labels"]["severity"] = severity;
    rule["annotations"]["summary"] = summary;
  }

  void add_defaults() {
    const auto all = labels_of(app_), failed = labels_of(app_, R"(,class="5xx")");
    add("error-rate",
        fmt::format("sum by (app, environment) (rate(fairlead_edge_requests_total{1}[5m])) "
                    "/ sum by (app, environment) (rate(fairlead_edge_requests_total{0}[5m])) > {2} "
                    "and sum by (app, environment) (increase(fairlead_edge_requests_total{0}[5m])) "
                    ">= 20",
                    all, failed, app_.alerts.error_percent / 100),
        1min, "critical", "{{ $value | humanizePercentage }} of requests fail");
    add("latency-burn", burn(14.4, "1h", "5m"), Duration(0), "critical",
        "the latency budget burns {{ $value }} times too fast");
    add("latency-burn-slow", burn(6, "6h", "30m"), Duration(0), "warning",
        "the latency budget burns {{ $value }} times too fast");
    add("crash-loop", fmt::format("increase(fairlead_restarts_total{}[10m]) >= 3", all),
        Duration(0), "critical",
        "{{ $labels.replica }} was started again {{ $value }} times in 10 minutes");
    add("backup-age", fmt::format("time() - fairlead_backup_completed_seconds{} > 26 * 3600", all),
        Duration(0), "critical", "the last backup of {{ $labels.service }} is old");
  }

  // How many times too fast over both windows; the short one is the value.
  std::string burn(double factor, std::string_view long_window,
                   std::string_view short_window) const {
    const auto le = fmt::format(R"(,le="{}")", bucket_above(app_.alerts.latency));
    const auto over = [&](std::string_view window) {
      return fmt::format(
          "(1 - sum by (app, environment) "
          "(rate(fairlead_edge_request_duration_seconds_bucket{}[{}])) / sum by (app, environment) "
          "(rate(fairlead_edge_request_duration_seconds_count{}[{}]))) / {:g}",
          labels_of(app_, le), window, labels_of(app_), window,
          1 - app_.alerts.latency_percent / 100);
    };
    return fmt::format("{} > {:g} and {} > {:g}", over(short_window), factor, over(long_window),
                       factor);
  }

  void add_own(const config::AlertRuleSpec& rule) {
    std::string more;
    for (const auto& [key, value] : rule.labels) more += fmt::format(R"(,{}="{}")", key, value);
    const bool counter =
        rule.value == config::AlertValue::kRate || rule.value == config::AlertValue::kIncrease;
    static constexpr const char* kFunctions[] = {"avg_over_time", "min_over_time", "max_over_time",
                                                 "rate", "increase"};
    add(rule.name,
        fmt::format("sum by (app, environment) ({}({}{}{}[{}])) {} {:g}",
                    kFunctions[static_cast<std::size_t>(rule.value)], rule.metric,
                    counter ? "_total" : "", labels_of(app_, more), duration(rule.over),
                    rule.above ? ">" : "<", rule.above ? *rule.above : rule.below.value_or(0)),
        rule.hold, rule.severity == config::AlertSeverity::kCritical ? "critical" : "warning",
        rule.metric + " is {{ $value }}");
  }

  void add_machine() {
    add("disk-forecast", "predict_linear(fairlead_disk_free_bytes[6h], 24 * 3600) < 0", 10min,
        "warning", "{{ $labels.mount }} will be full within a day");
    add("certificate", "fairlead_certificate_end_seconds - time() < 14 * 86400", Duration(0),
        "warning", "the certificate for {{ $labels.host }} ends soon");
  }

  const config::AppSpec& app_;
  Yaml* rules_ = nullptr;
};

}  // namespace

Result<> render_prometheus(const config::AppSpec& app, const RenderOptions&, Rendering& rendering,
                           Report& report) {
  Yaml file;
  file.comment(
      "Scrapes Fairlead's own endpoint, which has the samples of edge, replicas and host.");
  file["global"]["scrape_interval"] = "10s";
  file["global"]["evaluation_interval"] = "10s";
  file["rule_files"] = std::vector<std::string>{"rules.yml"};
  file["alerting"]["alertmanagers"].push()["static_configs"].push()["targets"] =
      std::vector<std::string>{"localhost:9093"};
  Yaml& job = file["scrape_configs"].push();
  job["job_name"] = "fairlead";
  job["honor_labels"] = true;
  job["metrics_path"] = "/metrics";
  job["static_configs"].push()["targets"] = std::vector<std::string>{"localhost:9797"};
  rendering.files.push_back({"prometheus.yml", file.dump()});
  rendering.files.push_back({"rules.yml", Rules(app).write().dump()});
  rendering.checks.push_back({"promtool", "check", "config", "prometheus.yml"});

  report.carried("alerts.rules", "one alerting rule each");
  report.carried("alerts.error_percent, alerts.latency", "limits of the default rules");
  report.carried("alerts.mute", "left out of the rules");
  report.differs("alerts.latency",
                 fmt::format("counted with the next bucket of the edge's histogram, {} s",
                             bucket_above(app.alerts.latency)));
  report.missing("alerts.webhook, alerts.slack, alerts.email",
                 "who is told is Alertmanager's business: 'fairlead render alertmanager'");
  report.missing("processes, routes, services",
                 "Prometheus watches what runs; other targets run it");
  return {};
}

}  // namespace fairlead::target
