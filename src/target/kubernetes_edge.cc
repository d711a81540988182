// The edge in a cluster: it routes, limits and caches, and finds pods through the cluster's DNS.
// What brings clients to it (an Ingress controller, a load balancer) needs to know one Service.
#include <fmt/format.h>

#include <set>

#include "target/containers.h"
#include "target/edge_file.h"
#include "target/kubernetes_objects.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;

namespace {

constexpr unsigned kEdges = 2;

// Addresses that pods and nodes have: what stands in front of the edge is among them.
const std::vector<std::string> kClusterAddresses = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                                    "100.64.0.0/10"};

Yaml deployment(const KubernetesInput& in, std::string_view config) {
  auto deployment = object(in.app, "apps/v1", "Deployment", "edge", "edge");
  auto& spec = deployment["spec"];
  spec["replicas"] = kEdges;
  spec["selector"]["matchLabels"] = labels(in.app, "edge");
  spec["strategy"]["rollingUpdate"]["maxUnavailable"] = 0;
  spec["strategy"]["rollingUpdate"]["maxSurge"] = 1;
  auto& pod = write_pod(in.app, spec["template"], "edge");
  pod["terminationGracePeriodSeconds"] = 30 + kPodDrainSeconds;
  write_spread(in.app, pod, "edge");
  auto& container = pod["containers"].push();
  container["name"] = "edge";
  container["image"] = in.options.edge_image;
  auto& drain = container["env"].push();
  drain["name"] = "FAIRLEAD_DRAIN";
  drain["value"] = std::to_string(kPodDrainSeconds);
  auto& port = container["ports"].push();
  port["name"] = "http";
  port["containerPort"] = kContainerPort;
  container["readinessProbe"]["tcpSocket"]["port"] = "http";
  container["readinessProbe"]["periodSeconds"] = 2;
  container["securityContext"]["allowPrivilegeEscalation"] = false;
  container["securityContext"]["capabilities"]["drop"].push("ALL");
  auto& mount = container["volumeMounts"].push();
  mount["name"] = "config";
  mount["mountPath"] = "/etc/fairlead";
  auto& volume = pod["volumes"].push();
  volume["name"] = "config";
  volume["configMap"]["name"] = config;
  return deployment;
}

Yaml ingress(const AppSpec& app) {
  auto ingress = object(app, "networking.k8s.io/v1", "Ingress", "edge", "edge");
  auto& annotation =
      ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"];
  annotation = "0";
  annotation.comment("How large a body may be, the edge decides.");
  std::set<std::string> hosts;
  for (const auto& route : app.routes) hosts.insert(route.host);
  if (hosts.empty()) hosts.insert("");
  auto& rules = ingress["spec"]["rules"];
  for (const auto& host : hosts) {
    auto& rule = rules.push();
    if (!host.empty()) rule["host"] = host;
    auto& path = rule["http"]["paths"].push();
    path["path"] = "/";
    path["pathType"] = "Prefix";
    path["backend"]["service"]["name"] = "edge";
    path["backend"]["service"]["port"]["name"] = "http";
  }
  return ingress;
}

}  // namespace

std::vector<Yaml> edge_objects(const KubernetesInput& in) {
  const auto file = edge_file(in.app, {.name = [](const ProcessSpec& p) { return p.name; },
                                       .trusted_proxies = kClusterAddresses});
  const auto name = "edge-" + short_hash(file);
  auto config = object(in.app, "v1", "ConfigMap", name, "edge");
  config["data"]["edge.json"] = file;
  auto service = object(in.app, "v1", "Service", "edge", "edge");
  service["spec"]["selector"] = labels(in.app, "edge");
  auto& port = service["spec"]["ports"].push();
  port["name"] = "http";
  port["port"] = 80;
  port["targetPort"] = "http";
  return {std::move(config), deployment(in, name), std::move(service),
          disruption_budget(in.app, "edge"), ingress(in.app)};
}

}  // namespace fairlead::target
