#include <fmt/format.h>

#include <algorithm>

#include "config/values.h"
#include "target/containers.h"
#include "target/kubernetes_objects.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ServiceType;

namespace {

// One file after another; the kustomization, which names them all, comes last.
class Files {
 public:
  Files(const AppSpec& app, const RenderOptions& options, Rendering& rendering)
      : app_(app), in_{app, options, ""}, rendering_(rendering) {}

  void write() {
    write_settings();
    for (const auto& process : app_.processes)
      put("process-" + process.name, process_objects(in_, process));
    for (const auto& service : app_.services)
      put("service-" + service.name, service_objects(in_, service));
    if (!app_.deploy.release_command.empty()) put("release", {release_job(in_)});
    if (!app_.routes.empty()) put("ingress", ingress_objects(app_));
    put("network-policy", policy_objects(app_));
    write_namespace();
    write_kustomization();
  }

 private:
  std::string name_space() const { return fmt::format("{}-{}", app_.name, app_.environment); }

  void put(std::string_view name, const std::vector<Yaml>& objects) {
    std::string content = fmt::format("# {}\n", made_from(app_, "kubernetes"));
    for (std::size_t i = 0; i < objects.size(); ++i)
      content += (i > 0 ? "---\n" : "") + objects[i].dump();
    const auto path = fmt::format("{}.yaml", name);
    resources_.push_back(path);
    rendering_.files.push_back({path, std::move(content)});
  }

  // A config map of another content has another name, so that pods are replaced when it changes.
  void write_settings() {
    Yaml data;
    for (const auto& [name, value] : variables_of(app_, nullptr)) data[name] = Yaml(value);
    in_.settings = "settings-" + short_hash(data.dump());
    auto settings = object(app_, "v1", "ConfigMap", in_.settings, "settings");
    settings["data"] = std::move(data);
    put("settings", {settings});
  }

  void write_namespace() {
    Yaml object;
    object["apiVersion"] = "v1";
    object["kind"] = "Namespace";
    object["metadata"]["name"] = name_space();
    put("namespace", {object});
  }

  void write_kustomization() {
    Yaml file;
    file.comment(made_from(app_, "kubernetes"));
    file.comment("kubectl apply -f namespace.yaml; secrets, once; then: kubectl apply -k .");
    std::string secrets;
    for (const auto& secret : app_.secrets.names)
      secrets += fmt::format(" --from-file={}=FILE", secret);
    if (service_of(app_, ServiceType::kPostgresql))
      secrets += " --from-file=POSTGRES_PASSWORD=FILE";
    if (!secrets.empty())
      file.comment(
          fmt::format("kubectl -n {} create secret generic secrets{}", name_space(), secrets));
    if (!app_.deploy.release_command.empty())
      file.comment(
          fmt::format("the release command: kubectl -n {} wait --for=condition=complete job/{}",
                      name_space(), release_job_name(in_)));
    file["apiVersion"] = "kustomize.config.k8s.io/v1beta1";
    file["kind"] = "Kustomization";
    file["namespace"] = name_space();
    std::ranges::sort(resources_);
    file["resources"] = Yaml::list();
    for (const auto& resource : resources_) file["resources"].push(resource);
    rendering_.files.push_back({"kustomization.yaml", file.dump()});
  }

  const AppSpec& app_;
  KubernetesInput in_;
  Rendering& rendering_;
  std::vector<std::string> resources_;
};

void report_routes(const AppSpec& app, Report& report) {
  report.carried(
      "routes",
      "an Ingress each; hosts, wildcards for one label and path prefixes mean the same there");
  for (const auto& route : app.routes) {
    if (route.limit.rate.count > 0)
      report.differs(
          "routes.limit",
          fmt::format("{} by annotations of ingress-nginx, counted by each of its pods for itself; "
                      "the answer is 503 unless its limit-req-status-code says 429",
                      config::write_rate(route.limit.rate)));
    if (route.cache.ttl > 0s)
      report.missing("routes.cache", "an Ingress does not cache; put a cache in front of it");
    if (route.max_body > 0) report.carried("routes.max_body", "an annotation of ingress-nginx");
  }
}

}  // namespace

Result<> render_kubernetes(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                           Report& report) {
  TRY_VOID(check_names(app, {"release", "secrets", "settings"}));
  Files(app, options, rendering).write();
  rendering.checks.push_back({"kubectl", "kustomize", "."});

  report.carried("processes.NAME.command, env", "command and environment of the container");
  report.carried(
      "processes.NAME.replicas",
      "replicas of a Deployment; from two on spread over nodes, with a PodDisruptionBudget");
  report.missing("autoscaling",
                 "fairlead.toml names one number of replicas; 'kubectl autoscale' adds bounds");
  report.carried("processes.NAME.memory, cpu", "requests and limits alike");
  report.carried(
      "processes.NAME.health, start_timeout",
      "readiness and startup probes; no liveness probe, which restarts what is only slow");
  report.carried("processes.NAME.stop_timeout",
                 fmt::format("after {} s in which the pod still serves, until every proxy knows",
                             kDrainSeconds));
  report.differs("processes.NAME.balance",
                 "whatever the ingress controller does, by default round robin");
  report_routes(app, report);
  report.carried("deploy",
                 "one pod after another, the new one first; a pod that does not become ready stops "
                 "the update, and 'kubectl rollout undo' takes it back");
  if (!app.deploy.release_command.empty())
    report.differs("deploy.release_command",
                   "a Job that starts together with the new pods, not before them");
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
  report.missing("https", "add 'tls' to the Ingress, with cert-manager or a Secret of your own");
  report.missing("build", "push the image under the name in these files");
  return {};
}

}  // namespace fairlead::target
