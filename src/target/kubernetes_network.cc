#include <fmt/format.h>

#include <algorithm>

#include "target/containers.h"
#include "target/kubernetes_objects.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;
using config::RouteSpec;

namespace {

void write_annotations(Yaml& metadata, const RouteSpec& route) {
  const auto set = [&](std::string_view name, std::uint64_t value) {
    metadata["annotations"][fmt::format("nginx.ingress.kubernetes.io/{}", name)] =
        std::to_string(value);
  };
  if (route.max_body > 0) set("proxy-body-size", route.max_body);
  const auto& limit = route.limit;
  if (limit.rate.count == 0) return;
  const bool by_second = limit.rate.per == 1s;
  const auto per_minute = static_cast<std::uint64_t>(
      static_cast<double>(limit.rate.count) * 60e9 / static_cast<double>(limit.rate.per.count()) +
      0.5);
  set(by_second ? "limit-rps" : "limit-rpm",
      by_second ? limit.rate.count : std::max<std::uint64_t>(1, per_minute));
  set("limit-burst-multiplier", std::max(1u, limit.burst / std::max(1u, limit.rate.count)));
}

}  // namespace

std::vector<Yaml> ingress_objects(const AppSpec& app) {
  std::vector<Yaml> objects;
  const auto routes = by_precedence(app);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const auto& route = routes[i];
    auto ingress = object(app, "networking.k8s.io/v1", "Ingress", fmt::format("route-{}", i + 1),
                          route.process);
    write_annotations(ingress["metadata"], route);
    ingress["spec"]["ingressClassName"] = "nginx";
    auto& rule = ingress["spec"]["rules"].push();
    if (!route.host.empty()) rule["host"] = route.host;
    auto& path = rule["http"]["paths"].push();
    path["path"] = route.path;
    path["pathType"] = "Prefix";
    path["backend"]["service"]["name"] = route.process;
    path["backend"]["service"]["port"]["name"] = "http";
    objects.push_back(std::move(ingress));
  }
  return objects;
}

std::vector<Yaml> policy_objects(const AppSpec& app) {
  std::vector<Yaml> objects;
  for (const auto& service : app.services) {
    auto policy = object(app, "networking.k8s.io/v1", "NetworkPolicy", service.name, service.name);
    policy["spec"]["podSelector"]["matchLabels"] = labels(app, service.name);
    policy["spec"]["policyTypes"].push("Ingress");
    auto& from = policy["spec"]["ingress"].push()["from"];
    from.push()["podSelector"]["matchLabels"]["app.kubernetes.io/name"] = app.name;
    objects.push_back(std::move(policy));
  }
  for (const auto& process : app.processes) {
    auto policy = object(app, "networking.k8s.io/v1", "NetworkPolicy", process.name, process.name);
    policy["spec"]["podSelector"]["matchLabels"] = labels(app, process.name);
    policy["spec"]["policyTypes"].push("Ingress");
    policy["spec"]["ingress"] = Yaml::list();
    if (serves(app, process))
      policy["spec"]["ingress"].push()["ports"].push()["port"] = kContainerPort;
    objects.push_back(std::move(policy));
  }
  return objects;
}

}  // namespace fairlead::target
