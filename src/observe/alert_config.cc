#include "observe/alert_config.h"

#include <fmt/format.h>

#include <algorithm>

namespace fairlead::observe {
namespace {

bool is_of_app(const AlertRule& rule) { return std::ranges::find(rule.by, "app") != rule.by.end(); }

MetricLabels labels_of(const config::AppSpec& app) {
  return {{"app", app.name}, {"environment", app.environment}};
}

struct Narrow {
  const config::AppSpec& app;

  void narrow(MetricSelector& selector) const {
    for (const auto& label : labels_of(app)) selector.labels.push_back(label);
  }
  void operator()(ErrorRate& condition) const {
    narrow(condition.all);
    narrow(condition.failed);
    condition.above = app.alerts.error_percent / 100.0;
  }
  void operator()(LatencyBurn& condition) const {
    narrow(condition.histogram);
    condition.within = app.alerts.latency;
    condition.objective = app.alerts.latency_percent / 100.0;
  }
  void operator()(CrashLoop& condition) const { narrow(condition.restarts); }
  void operator()(DiskForecast& condition) const { narrow(condition.free_bytes); }
  void operator()(EndsWithin& condition) const { narrow(condition.time); }
  void operator()(OlderThan& condition) const { narrow(condition.time); }
  void operator()(Threshold& condition) const { narrow(condition.select); }
};

Reduce reduce_of(config::AlertValue value) {
  switch (value) {
    case config::AlertValue::kMean:
      return Reduce::kMean;
    case config::AlertValue::kMin:
      return Reduce::kMin;
    case config::AlertValue::kMax:
      return Reduce::kMax;
    case config::AlertValue::kRate:
      return Reduce::kRate;
    case config::AlertValue::kIncrease:
      return Reduce::kIncrease;
  }
  return Reduce::kMean;
}

AlertRule own_rule(const config::AlertRuleSpec& spec) {
  Threshold condition{.select = {spec.metric, {}},
                      .reduce = reduce_of(spec.value),
                      .window = spec.over,
                      .above = spec.above.has_value(),
                      .limit = spec.above ? *spec.above : spec.below.value_or(0)};
  for (const auto& [key, value] : spec.labels) condition.select.labels.emplace_back(key, value);
  return {.name = spec.name,
          .severity = spec.severity == config::AlertSeverity::kCritical ? "critical" : "warning",
          .condition = condition,
          .by = {"app", "environment"},
          .hold = spec.hold};
}

// Values from the file, variables filled in.
class Values {
 public:
  Values(const std::map<std::string, std::string>& variables, std::vector<std::string>& missing)
      : variables_(variables), missing_(missing) {}
  // "" where the file says nothing, or the variable is not set.
  std::string operator()(const std::string& text) {
    if (!text.starts_with('$')) return text;
    const auto found = variables_.find(text.substr(1));
    if (found != variables_.end() && !found->second.empty()) return found->second;
    missing_.push_back(fmt::format("alerts: {} is not set, so nothing is sent there", text));
    return "";
  }

 private:
  const std::map<std::string, std::string>& variables_;
  std::vector<std::string>& missing_;
};

}  // namespace

std::vector<AlertRule> app_alert_rules(const config::AppSpec& app) {
  std::vector<AlertRule> rules = default_alert_rules();
  std::erase_if(rules, [&](const AlertRule& rule) {
    return !is_of_app(rule) ||
           std::ranges::find(app.alerts.mute, rule.name) != app.alerts.mute.end();
  });
  for (const auto& spec : app.alerts.rules) rules.push_back(own_rule(spec));
  for (AlertRule& rule : rules) std::visit(Narrow{app}, rule.condition);
  return rules;
}

std::vector<AlertRule> machine_alert_rules() {
  std::vector<AlertRule> rules = default_alert_rules();
  std::erase_if(rules, is_of_app);
  return rules;
}

std::vector<AlertTarget> alert_targets(const config::AppSpec& app,
                                       const std::map<std::string, std::string>& variables,
                                       std::vector<std::string>& missing) {
  Values value(variables, missing);
  std::vector<AlertTarget> targets;
  const auto add = [&](std::string_view kind, auto how) {
    targets.push_back({.name = fmt::format("{}/{}/{}", app.name, app.environment, kind),
                       .how = std::move(how),
                       .only = labels_of(app)});
  };
  if (auto url = value(app.alerts.webhook); !url.empty()) add("webhook", Webhook{std::move(url)});
  if (auto url = value(app.alerts.slack); !url.empty()) add("slack", SlackHook{std::move(url)});
  const auto& email = app.alerts.email;
  if (auto server = value(email.server); !server.empty())
    add("email", Email{.server = std::move(server),
                       .user = value(email.user),
                       .password = value(email.password),
                       .from = email.from,
                       .to = email.to,
                       .tls_required = email.tls == config::MailTls::kRequired});
  return targets;
}

}  // namespace fairlead::observe
