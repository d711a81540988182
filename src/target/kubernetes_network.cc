#include <fmt/format.h>

#include "target/containers.h"
#include "target/kubernetes_objects.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;

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
    if (serves(app, process)) {
      auto& rule = policy["spec"]["ingress"].push();
      rule["from"].push()["podSelector"]["matchLabels"] = labels(app, "edge");
      rule["ports"].push()["port"] = kContainerPort;
    }
    objects.push_back(std::move(policy));
  }
  auto edge = object(app, "networking.k8s.io/v1", "NetworkPolicy", "edge", "edge");
  edge["spec"]["podSelector"]["matchLabels"] = labels(app, "edge");
  edge["spec"]["policyTypes"].push("Ingress");
  edge["spec"]["ingress"].push()["ports"].push()["port"] = kContainerPort;
  objects.push_back(std::move(edge));
  return objects;
}

}  // namespace fairlead::target
