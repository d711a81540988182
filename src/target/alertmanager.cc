// Alertmanager: who is told, as [alerts] says.
#include <fmt/format.h>

#include "target/renderers.h"
#include "target/yaml.h"

namespace fairlead::target {

namespace {

// "$NAME" stands for a secret, which belongs in a file of its own.
bool is_variable(const std::string& text) { return text.starts_with('$'); }

std::string secret_file(const std::string& variable) {
  return "/etc/alertmanager/secrets/" + variable.substr(1);
}

void set_url(Yaml& config, const char* key, const char* file_key, const std::string& value) {
  if (is_variable(value))
    config[file_key] = secret_file(value);
  else
    config[key] = value;
}

void add_email(Yaml& receiver, const config::EmailSpec& email) {
  for (const auto& to : email.to) {
    Yaml& config = receiver["email_configs"].push();
    config["to"] = to;
    config["from"] = email.from;
    const auto scheme = email.server.find("://");
    auto host = scheme == std::string::npos ? email.server : email.server.substr(scheme + 3);
    if (host.find(':') == std::string::npos)
      host += email.server.starts_with("smtps") ? ":465" : ":25";
    config["smarthost"] = host;
    config["require_tls"] = email.tls == config::MailTls::kRequired;
    if (!email.user.empty()) {
      config["auth_username"] = email.user;
      if (is_variable(email.password))
        config["auth_password_file"] = secret_file(email.password);
      else
        config["auth_password"] = email.password;
    }
    config["send_resolved"] = true;
  }
}

}  // namespace

Result<> render_alertmanager(const config::AppSpec& app, const RenderOptions&, Rendering& rendering,
                             Report& report) {
  const auto& alerts = app.alerts;
  const auto name = fmt::format("{}-{}", app.name, app.environment);
  Yaml file;
  Yaml& route = file["route"];
  route["receiver"] = name;
  route["group_by"] = std::vector<std::string>{"alertname", "app", "environment"};
  route["group_wait"] = "10s";
  route["group_interval"] = "1m";
  route["repeat_interval"] = "24h";
  Yaml& receiver = file["receivers"].push();
  receiver["name"] = name;
  if (!alerts.webhook.empty()) {
    Yaml& hook = receiver["webhook_configs"].push();
    set_url(hook, "url", "url_file", alerts.webhook);
    hook["send_resolved"] = true;
  }
  if (!alerts.slack.empty()) {
    Yaml& hook = receiver["slack_configs"].push();
    set_url(hook, "api_url", "api_url_file", alerts.slack);
    hook["send_resolved"] = true;
  }
  if (!alerts.email.server.empty()) add_email(receiver, alerts.email);
  rendering.files.push_back({"alertmanager.yml", file.dump()});
  rendering.checks.push_back({"amtool", "check-config", "alertmanager.yml"});

  report.carried("alerts.slack, alerts.email", "a receiver with their settings");
  report.differs("alerts.webhook", "the JSON is Alertmanager's, not Fairlead's");
  report.differs("alerts", "values that name a secret are read from /etc/alertmanager/secrets");
  report.missing("alerts.rules", "rules are Prometheus' business: 'fairlead render prometheus'");
  return {};
}

}  // namespace fairlead::target
