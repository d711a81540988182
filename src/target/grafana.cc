// Grafana: a dashboard over what Prometheus scrapes from Fairlead.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "target/renderers.h"
#include "target/yaml.h"

namespace fairlead::target {

namespace {

using Json = nlohmann::ordered_json;

struct Query {
  std::string expression;
  std::string legend;
};

class Panels {
 public:
  void add(const char* title, const char* unit, const std::vector<Query>& queries) {
    Json targets = Json::array();
    char letter = 'A';
    for (const auto& query : queries)
      targets.push_back({{"refId", std::string(1, letter++)},
                         {"datasource", source()},
                         {"expr", query.expression},
                         {"legendFormat", query.legend}});
    const int n = static_cast<int>(panels_.size());
    panels_.push_back(
        {{"id", n + 1},
         {"type", "timeseries"},
         {"title", title},
         {"datasource", source()},
         {"gridPos", {{"h", 8}, {"w", 12}, {"x", n % 2 * 12}, {"y", n / 2 * 8}}},
         {"fieldConfig",
          {{"defaults", {{"unit", unit}, {"min", 0}, {"custom", {{"fillOpacity", 8}}}}},
           {"overrides", Json::array()}}},
         {"options",
          {{"legend", {{"displayMode", "list"}, {"placement", "bottom"}}},
           {"tooltip", {{"mode", "multi"}}}}},
         {"targets", std::move(targets)}});
  }
  Json take() { return std::move(panels_); }

 private:
  static Json source() { return {{"type", "prometheus"}, {"uid", "${source}"}}; }
  Json panels_ = Json::array();
};

Json panels_of(const config::AppSpec& app) {
  const auto of_app = fmt::format(R"(app="{}",environment="{}")", app.name, app.environment);
  const auto quantile = [&](const char* q) {
    return fmt::format(
        "histogram_quantile({}, sum by (le) "
        "(rate(fairlead_edge_request_duration_seconds_bucket{{{}}}[$__rate_interval])))",
        q, of_app);
  };
  const auto rate = [&](const char* metric, const char* by) {
    return fmt::format("sum by ({}) (rate({}{{{}}}[$__rate_interval]))", by, metric, of_app);
  };
  const auto gauge = [&](const char* metric, const char* by) {
    return fmt::format("max by ({}) ({}{{{}}})", by, metric, of_app);
  };
  Panels panels;
  panels.add("Requests", "reqps", {{rate("fairlead_edge_requests_total", "class"), "{{class}}"}});
  panels.add("Duration", "s", {{quantile("0.5"), "p50"}, {quantile("0.99"), "p99"}});
  panels.add("By release", "reqps",
             {{rate("fairlead_edge_requests_total", "release"), "{{release}}"}});
  panels.add("Processor", "none",
             {{rate("fairlead_process_cpu_seconds_total", "replica"), "{{replica}}"}});
  panels.add("Memory", "bytes",
             {{gauge("fairlead_process_memory_bytes", "replica"), "{{replica}}"}});
  panels.add(
      "Restarts", "none",
      {{fmt::format("sum by (replica) (increase(fairlead_restarts_total{{{}}}[1h]))", of_app),
        "{{replica}}"}});
  panels.add("Disk free", "bytes", {{"fairlead_disk_free_bytes", "{{mount}}"}});
  panels.add("Certificates: days left", "none",
             {{"(fairlead_certificate_end_seconds - time()) / 86400", "{{host}}"}});
  return panels.take();
}

}  // namespace

Result<> render_grafana(const config::AppSpec& app, const RenderOptions&, Rendering& rendering,
                        Report& report) {
  const Json dashboard = {
      {"uid", fmt::format("fairlead-{}-{}", app.name, app.environment).substr(0, 40)},
      {"title", fmt::format("{} ({})", app.name, app.environment)},
      {"tags", {"fairlead"}},
      {"schemaVersion", 39},
      {"version", 1},
      {"editable", true},
      {"timezone", "browser"},
      {"refresh", "10s"},
      {"time", {{"from", "now-1h"}, {"to", "now"}}},
      {"templating",
       {{"list",
         {{{"name", "source"},
           {"label", "Source"},
           {"type", "datasource"},
           {"query", "prometheus"},
           {"current", Json::object()},
           {"hide", 0}}}}}},
      {"annotations", {{"list", Json::array()}}},
      {"panels", panels_of(app)}};
  rendering.files.push_back({"dashboards/fairlead.json", dashboard.dump(2) + "\n"});

  Yaml provider;
  provider["apiVersion"] = 1;
  Yaml& entry = provider["providers"].push();
  entry["name"] = "fairlead";
  entry["type"] = "file";
  entry["options"]["path"] = "/etc/grafana/dashboards";
  rendering.files.push_back({"provisioning/dashboards/fairlead.yml", provider.dump()});
  Yaml sources;
  sources["apiVersion"] = 1;
  Yaml& source = sources["datasources"].push();
  source["name"] = "Prometheus";
  source["type"] = "prometheus";
  source["access"] = "proxy";
  source["url"] = "http://localhost:9090";
  source["isDefault"] = true;
  rendering.files.push_back({"provisioning/datasources/prometheus.yml", sources.dump()});

  report.carried("processes, routes", "panels by class, release and replica");
  report.missing("alerts", "rules and receivers: 'fairlead render prometheus' and 'alertmanager'");
  report.missing("logs", "what Fairlead has of them is in its own dashboard, or goes to Loki");
  return {};
}

}  // namespace fairlead::target
