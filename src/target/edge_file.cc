#include "target/edge_file.h"

#include <fmt/format.h>

#include <algorithm>
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
  std::string balance(to_string(process.balance));
  std::ranges::replace(balance, '-', '_');  // as a snapshot spells it
  Json json = {{"name", pool_name(app, process.name)}, {"balance", balance}};
  if (!process.health.empty()) json["health"] = {{"path", process.health}};
  if (process.balance == config::Balance::kHash) json["hash_by"] = process.hash_by;
  if (!process.sticky_cookie.empty()) json["sticky_cookie"] = process.sticky_cookie;
  if (process.slow_start > 0s) json["slow_start_ms"] = milliseconds(process.slow_start);
  if (process.max_requests > 0) json["max_requests"] = process.max_requests;
  if (process.max_wait > 0s) json["max_wait_ms"] = milliseconds(process.max_wait);
  return json;
}

Json named(const config::Variables& fields) {
  auto json = Json::array();
  for (const auto& [name, value] : fields) json.push_back({{"name", name}, {"value", value}});
  return json;
}

// Which requests it is for.
void write_match(Json& json, const RouteSpec& spec) {
  json["host"] = spec.host;
  json["path_prefix"] = spec.path;
  if (spec.exact) json["exact"] = true;
  if (!spec.methods.empty()) json["methods"] = spec.methods;
  if (!spec.headers.empty()) json["headers"] = named(spec.headers);
}

void write_limits(Json& json, const RouteSpec& spec) {
  if (spec.max_body > 0) json["max_body"] = spec.max_body;
  if (spec.https_only) json["https_only"] = true;
  if (!spec.allow.empty() || !spec.auth.users.empty())
    json["access"] = {
        {"allow", spec.allow}, {"users", spec.auth.users}, {"realm", spec.auth.realm}};
  if (spec.limit.rate.count > 0)
    json["limit"] = {{"count", spec.limit.rate.count},
                     {"per_ms", std::max<std::uint64_t>(1, milliseconds(spec.limit.rate.per))},
                     {"burst", std::max(1u, spec.limit.burst)}};
}

void write_answers(Json& json, const RouteSpec& spec) {
  json["cache"] = {{"enabled", true}};
  if (spec.cache.ttl > 0s) json["cache"]["ttl_ms"] = milliseconds(spec.cache.ttl);
  if (!spec.cache.paths.empty()) json["cache"]["paths"] = spec.cache.paths;
  if (!spec.compress) json["compress"] = false;
  if (!spec.response_headers.empty()) json["response_headers"] = named(spec.response_headers);
  if (spec.security_headers) json["security_headers"] = true;
  if (spec.hsts > 0s) json["hsts_s"] = seconds(spec.hsts);
  if (!spec.cors.origins.empty())
    json["cors"] = {{"origins", spec.cors.origins},
                    {"methods", spec.cors.methods},
                    {"headers", spec.cors.headers},
                    {"credentials", spec.cors.credentials},
                    {"max_age_s", seconds(spec.cors.max_age)}};
}

Json route(const AppSpec& app, const RouteSpec& spec) {
  Json json;
  write_match(json, spec);
  if (!spec.process.empty()) json["pool"] = pool_name(app, spec.process);
  if (!spec.redirect.to.empty())
    json["redirect"] = {{"to", spec.redirect.to}, {"status", spec.redirect.status}};
  write_limits(json, spec);
  if (!spec.canary.process.empty())
    json["canary"] = {{"pool", pool_name(app, spec.canary.process)},
                      {"per_mille", static_cast<unsigned>(spec.canary.percent * 10)},
                      {"header", spec.canary.header}};
  if (!spec.mirror.empty()) json["mirror"] = pool_name(app, spec.mirror);
  if (spec.strip_prefix) json["strip_prefix"] = true;
  if (!spec.add_prefix.empty()) json["add_prefix"] = spec.add_prefix;
  write_answers(json, spec);
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
  for (const auto& spec : routes_of(app))
    if (spec.files.folder.empty()) snapshot["routes"].push_back(route(app, spec));
  return Json({{"snapshot", snapshot}, {"names", names}}).dump(2) + "\n";
}

void report_edge(const AppSpec& app, Report& report) {
  report.carried("routes", "by 'fairlead edge', as on one machine");
  report.carried("processes.NAME.health, balance",
                 "asked and weighed by the edge; replicas are found by name, and followed within "
                 "a second as they come and go");
  for (const auto& route : app.routes) {
    if (!route.files.folder.empty())
      report.missing("routes.files",
                     "the edge's image holds no files of the app: let a process serve them");
    if (route.limit.rate.count > 0)
      report.differs("routes.limit",
                     "each edge counts for itself: n edges let n times as much through");
    if (route.cache.ttl > 0s) report.carried("routes.cache", "each edge has a cache of its own");
  }
}

}  // namespace fairlead::target
