#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "target/containers.h"
#include "target/edge_file.h"
#include "target/kubernetes_objects.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ServiceType;

namespace {

using Contents = std::map<std::string, std::string>;  // by path

// Everything that one environment is made of, but for its kustomization.
class Environment {
 public:
  Environment(const AppSpec& app, const RenderOptions& options) : app_(app), in_{app, options, ""} {
    add_settings();
    for (const auto& process : app_.processes)
      put("process-" + process.name, process_objects(in_, process));
    for (const auto& service : app_.services)
      put("service-" + service.name, service_objects(in_, service));
    if (!app_.deploy.release_command.empty()) put("release", {release_job(in_)});
    put("edge", edge_objects(in_));
    put("network-policy", policy_objects(app_));
  }

  const AppSpec& app() const { return app_; }
  const Contents& files() const { return files_; }
  std::string name_space() const { return fmt::format("{}-{}", app_.name, app_.environment); }

  // What to do by hand, before the first time and afterwards.
  std::vector<std::string> instructions(std::string_view folder) const {
    std::vector<std::string> lines = {fmt::format(
        "kubectl apply -f {0}/namespace.yaml; secrets, once; then: kubectl apply -k {0}", folder)};
    std::string secrets;
    for (const auto& secret : app_.secrets.names)
      secrets += fmt::format(" --from-file={}=FILE", secret);
    if (service_of(app_, ServiceType::kPostgresql))
      secrets += fmt::format(" --from-file={}=FILE", kDatabasePassword);
    if (!secrets.empty())
      lines.push_back(
          fmt::format("kubectl -n {} create secret generic secrets{}", name_space(), secrets));
    if (!app_.deploy.release_command.empty())
      lines.push_back(
          fmt::format("the release command: kubectl -n {} wait --for=condition=complete job/{}",
                      name_space(), release_job_name(in_)));
    return lines;
  }

 private:
  void put(std::string_view name, const std::vector<Yaml>& objects) {
    auto& content = files_[fmt::format("{}.yaml", name)];
    for (const auto& object : objects) content += (content.empty() ? "" : "---\n") + object.dump();
  }

  // A config map of another content has another name, so that pods are replaced when it changes.
  void add_settings() {
    Yaml data;
    for (const auto& [name, value] : container_variables(app_, nullptr)) data[name] = Yaml(value);
    in_.settings = "settings-" + short_hash(data.dump());
    auto settings = object(app_, "v1", "ConfigMap", in_.settings, "settings");
    settings["data"] = std::move(data);
    put("settings", {settings});
  }

  const AppSpec& app_;
  KubernetesInput in_;
  Contents files_;
};

std::string kustomization(const AppSpec& app, const std::vector<std::string>& comments,
                          std::string_view name_space, bool on_base,
                          const std::vector<std::string>& resources) {
  Yaml file;
  file.comment(made_from(app, "kubernetes"));
  for (const auto& comment : comments) file.comment(comment);
  file["apiVersion"] = "kustomize.config.k8s.io/v1beta1";
  file["kind"] = "Kustomization";
  if (!name_space.empty()) file["namespace"] = name_space;
  // "bases" and not "resources": kubectl before 1.21 reads folders there alone, later ones still
  // do.
  if (on_base) file["bases"].push("../../base");
  file["resources"] = Yaml::list();
  for (const auto& resource : resources) file["resources"].push(resource);
  return file.dump();
}

// The files that all environments share, byte for byte.
Contents shared_files(const std::vector<Environment>& environments) {
  Contents shared = environments.front().files();
  for (const auto& environment : environments)
    std::erase_if(shared, [&](const auto& file) {
      const auto same = environment.files().find(file.first);
      return same == environment.files().end() || same->second != file.second;
    });
  return shared;
}

void write_overlay(const Environment& environment, const Contents& shared, Rendering& rendering) {
  const auto folder = fmt::format("overlays/{}", environment.app().environment);
  Yaml name_space;
  name_space["apiVersion"] = "v1";
  name_space["kind"] = "Namespace";
  name_space["metadata"]["name"] = environment.name_space();
  std::vector<std::string> resources = {"namespace.yaml"};
  rendering.files.push_back({folder + "/namespace.yaml", name_space.dump()});
  for (const auto& [path, content] : environment.files()) {
    if (shared.contains(path)) continue;
    resources.push_back(path);
    rendering.files.push_back({fmt::format("{}/{}", folder, path), content});
  }
  std::ranges::sort(resources);
  rendering.files.push_back({folder + "/kustomization.yaml",
                             kustomization(environment.app(), environment.instructions(folder),
                                           environment.name_space(), !shared.empty(), resources)});
  rendering.checks.push_back({"kubectl", "kustomize", folder});
}

void write_base(const AppSpec& app, const Contents& shared, Rendering& rendering) {
  std::vector<std::string> resources;
  for (const auto& [path, content] : shared) {
    resources.push_back(path);
    rendering.files.push_back({"base/" + path, content});
  }
  rendering.files.push_back(
      {"base/kustomization.yaml",
       kustomization(app, {"What all environments share; apply one of overlays/."}, "", false,
                     resources)});
}

void report_kubernetes(const AppSpec& app, Report& report) {
  report.carried("processes.NAME.command, env", "arguments and environment of the container");
  report.carried(
      "processes.NAME.replicas",
      "replicas of a Deployment; from two on spread over nodes, with a PodDisruptionBudget");
  report.carried("processes.NAME.max_replicas",
                 "a HorizontalPodAutoscaler by CPU, which needs the metrics server");
  report.carried("processes.NAME.memory, cpu", "requests and limits alike");
  report.carried(
      "processes.NAME.health, start_timeout",
      "readiness and startup probes; no liveness probe, which restarts what is only slow");
  report.carried("processes.NAME.stop_timeout",
                 fmt::format("after {} s in which the pod still serves, until every edge knows",
                             kPodDrainSeconds));
  report_edge(app, report);
  report.differs("discovery",
                 "the edge looks twice a second, but the cluster's DNS may hold on to an answer: "
                 "set 'ttl 0' and no 'cache' for cluster.local in CoreDNS to follow within 2 s");
  report.carried("deploy",
                 "one pod after another, the new one first; a pod that does not become ready stops "
                 "the update, and 'kubectl rollout undo' takes it back");
  if (!app.deploy.release_command.empty())
    report.differs("deploy.release_command",
                   "a Job that 'kubectl apply' starts together with the new pods; 'fairlead deploy "
                   "--to kubernetes' waits for it first");
  for (const auto& service : app.services) {
    report.differs(fmt::format("services.{}", service.name),
                   "one pod with a volume, not managed: a managed database is the better place");
    if (service.backup.every > 0s)
      report.missing(fmt::format("services.{}.backup", service.name),
                     "nothing backs the volume up");
  }
  if (!app.secrets.names.empty())
    report.differs("secrets",
                   "a Secret that you create; encrypted at rest only where the cluster is told to");
  report.carried("environments", "an overlay each; what they share is in base");
  report.missing("https", "add 'tls' to the Ingress, with cert-manager or a Secret of your own");
  report.missing("build",
                 "'fairlead image push' sends the image, 'fairlead image push --edge' the edge's");
}

}  // namespace

Result<> render_kubernetes(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                           Report& report) {
  std::vector<Environment> environments;
  for (const auto* one : environments_of(app, options)) {
    TRY_VOID(check_names(*one, {"edge", "release", "secrets", "settings"}));
    environments.emplace_back(*one, options);
  }
  // With one environment everything is its own.
  const auto shared = environments.size() > 1 ? shared_files(environments) : Contents();
  if (!shared.empty()) write_base(app, shared, rendering);
  for (const auto& environment : environments) write_overlay(environment, shared, rendering);
  report_kubernetes(app, report);
  return {};
}

}  // namespace fairlead::target
