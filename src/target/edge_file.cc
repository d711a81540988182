#include "target/edge_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "target/containers.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::RouteSpec;
using Json = nlohmann::ordered_json;

namespace {

std::string pool_name(const AppSpec& app, std::string_view process) {
  return fmt::format("{}/{}/{}", app.name, app.environment, process);
}

std::uint64_t milliseconds(Duration duration) { return static_cast<std::uint64_t>(duration / 1ms); }

Json pool(const AppSpec& app, const ProcessSpec& process) {
  const bool least = process.balance == config::Balance::kLeastRequests;
  Json json = {{"name", pool_name(app, process.name)},
               {"balance", least ? "least_requests" : "round_robin"}};
  if (!process.health.empty()) json["health"] = {{"path", process.health}};
  return json;
}

Json route(const AppSpec& app, const RouteSpec& spec) {
  Json json = {{"host", spec.host},
               {"path_prefix", spec.path},
               {"pool", pool_name(app, spec.process)},
               {"cache", {{"enabled", true}}}};
  if (spec.max_body > 0) json["max_body"] = spec.max_body;
  if (spec.cache.ttl > 0s) json["cache"]["ttl_ms"] = milliseconds(spec.cache.ttl);
  if (!spec.cache.paths.empty()) json["cache"]["paths"] = spec.cache.paths;
  if (spec.limit.rate.count > 0)
    json["limit"] = {{"count", spec.limit.rate.count},
                     {"per_ms", std::max<std::uint64_t>(1, milliseconds(spec.limit.rate.per))},
                     {"burst", std::max(1u, spec.limit.burst)}};
  return json;
}

// An app without routes is reached as `fairlead serve` reaches it: whatever serves, by every host.
std::vector<RouteSpec> routes_of(const AppSpec& app) {
  auto routes = by_precedence(app);
  if (routes.empty())
    for (const auto& process : app.processes)
      if (serves(app, process) && routes.empty()) routes.push_back({.process = process.name});
  return routes;
}

}  // namespace

std::string edge_file(const AppSpec& app, const EdgePlace& place) {
  Json snapshot = {{"listeners", {{{"address", fmt::format("0.0.0.0:{}", kContainerPort)}}}},
                   {"pools", Json::array()},
                   {"routes", Json::array()},
                   {"access_log", "-"}};
  if (!place.trusted_proxies.empty()) snapshot["trusted_proxies"] = place.trusted_proxies;
  Json names = Json::object();
  for (const auto& process : app.processes) {
    if (!serves(app, process)) continue;
    snapshot["pools"].push_back(pool(app, process));
    names[pool_name(app, process.name)] = fmt::format("{}:{}", place.name(process), kContainerPort);
  }
  for (const auto& spec : routes_of(app)) snapshot["routes"].push_back(route(app, spec));
  return Json({{"snapshot", snapshot}, {"names", names}}).dump(2) + "\n";
}

void report_edge(const AppSpec& app, Report& report) {
  report.carried("routes", "by 'fairlead edge', as on one machine");
  report.carried("processes.NAME.health, balance",
                 "asked and weighed by the edge; replicas are found by name, and followed within "
                 "a second as they come and go");
  for (const auto& route : app.routes) {
    if (route.limit.rate.count > 0)
      report.differs("routes.limit",
                     "each edge counts for itself: n edges let n times as much through");
    if (route.cache.ttl > 0s) report.carried("routes.cache", "each edge has a cache of its own");
  }
}

}  // namespace fairlead::target
