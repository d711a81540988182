#include <fmt/format.h>

#include <algorithm>

#include "config/command_line.h"
#include "config/values.h"
#include "target/containers.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::RouteSpec;
using config::ServiceSpec;
using config::ServiceType;

namespace {

constexpr unsigned kDrainSeconds = 5;  // until every proxy knows that a pod is going

// Text where "$(" would begin a variable (env, command).
std::string expandable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("$(")) out += '$';
    out += text[i];
  }
  return out;
}

class Manifests {
 public:
  Manifests(const AppSpec& app, const RenderOptions& options, Rendering& rendering)
      : app_(app), options_(options), rendering_(rendering) {}

  void write() {
    write_settings();
    for (const auto& process : app_.processes) write_process(process);
    for (const auto& service : app_.services) write_service(service);
    if (!app_.deploy.release_command.empty()) write_release();
    if (!app_.routes.empty()) write_ingresses();
    write_policies();
    write_kustomization();
  }

 private:
  std::string name_space() const { return fmt::format("{}-{}", app_.name, app_.environment); }

  Yaml labels(std::string_view component) const {
    Yaml labels;
    labels["app.kubernetes.io/name"] = app_.name;
    labels["app.kubernetes.io/component"] = component;
    return labels;
  }

  Yaml object(std::string_view version, std::string_view kind, std::string_view name,
              std::string_view component) const {
    Yaml object;
    object["apiVersion"] = version;
    object["kind"] = kind;
    object["metadata"]["name"] = name;
    object["metadata"]["labels"] = labels(component);
    object["metadata"]["labels"]["app.kubernetes.io/version"] = app_.version;
    return object;
  }

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
    settings_name_ = "settings-" + short_hash(data.dump());
    auto settings = object("v1", "ConfigMap", settings_name_, "settings");
    settings["data"] = std::move(data);
    put("settings", {settings});
  }

  void write_process(const ProcessSpec& process) {
    auto deployment = object("apps/v1", "Deployment", process.name, process.name);
    auto& spec = deployment["spec"];
    spec["replicas"] = process.replicas;
    spec["selector"]["matchLabels"] = labels(process.name);
    spec["strategy"]["type"] = "RollingUpdate";
    spec["strategy"]["rollingUpdate"]["maxUnavailable"] = 0;
    spec["strategy"]["rollingUpdate"]["maxSurge"] = 1;
    spec["progressDeadlineSeconds"] = seconds(process.start_timeout) + 60;
    auto& pod = write_pod(spec["template"], process.name);
    pod["terminationGracePeriodSeconds"] = seconds(process.stop_timeout) + kDrainSeconds;
    write_spread(pod, process);
    write_container(pod["containers"].push(), process.name, process.command, &process);
    std::vector<Yaml> objects = {std::move(deployment)};
    if (serves(app_, process)) {
      auto service = object("v1", "Service", process.name, process.name);
      service["spec"]["selector"] = labels(process.name);
      auto& port = service["spec"]["ports"].push();
      port["name"] = "http";
      port["port"] = 80;
      port["targetPort"] = "http";
      objects.push_back(std::move(service));
    }
    if (process.replicas > 1) {
      auto budget = object("policy/v1", "PodDisruptionBudget", process.name, process.name);
      budget["spec"]["maxUnavailable"] = 1;
      budget["spec"]["selector"]["matchLabels"] = labels(process.name);
      objects.push_back(std::move(budget));
    }
    put("process-" + process.name, objects);
  }

  // What all pods of the app have; gives the pod's spec.
  Yaml& write_pod(Yaml& pod_template, std::string_view component) const {
    pod_template["metadata"]["labels"] = labels(component);
    auto& pod = pod_template["spec"];
    pod["automountServiceAccountToken"] = false;
    pod["securityContext"]["runAsNonRoot"] = true;
    pod["securityContext"]["runAsUser"] = 10001;
    pod["securityContext"]["seccompProfile"]["type"] = "RuntimeDefault";
    return pod;
  }

  void write_spread(Yaml& pod, const ProcessSpec& process) const {
    if (process.replicas < 2) return;
    auto& spread = pod["topologySpreadConstraints"].push();
    spread["maxSkew"] = 1;
    spread["topologyKey"] = "kubernetes.io/hostname";
    spread["whenUnsatisfiable"] = "ScheduleAnyway";
    spread["labelSelector"]["matchLabels"] = labels(process.name);
  }

  // `process` is null for the release command.
  void write_container(Yaml& container, std::string_view name, std::string_view command,
                       const ProcessSpec* process) const {
    container["name"] = name;
    container["image"] = image_of(app_, options_);
    container["command"] = Yaml::list();
    for (const auto& word : config::command_line(command))
      container["command"].push(expandable(word));
    container["envFrom"].push()["configMapRef"]["name"] = settings_name_;
    write_variables(container["env"], process);
    if (process && serves(app_, *process)) write_probes(container, *process);
    if (process && (process->memory > 0 || process->cpu_millis > 0))
      write_resources(container["resources"], *process);
    container["securityContext"]["allowPrivilegeEscalation"] = false;
    container["securityContext"]["capabilities"]["drop"].push("ALL");
  }

  void write_variables(Yaml& env, const ProcessSpec* process) const {
    env = Yaml::list();
    const auto set = [&](std::string_view name) -> Yaml& {
      auto& variable = env.push();
      variable["name"] = name;
      return variable;
    };
    const auto set_secret = [&](std::string_view name) {
      auto& source = set(name)["valueFrom"]["secretKeyRef"];
      source["name"] = "secrets";
      source["key"] = name;
    };
    if (process && serves(app_, *process)) {
      set("HOST")["value"] = "0.0.0.0";
      set("PORT")["value"] = std::to_string(kContainerPort);
    }
    if (process)
      for (const auto& [name, value] : process->env) set(name)["value"] = expandable(value);
    for (const auto& secret : app_.secrets.names) set_secret(secret);
    for (const auto& service : app_.services) {
      if (service.type == ServiceType::kRedis) {
        set("REDIS_URL")["value"] = fmt::format("redis://{}:6379/0", service.name);
      } else {
        set_secret("POSTGRES_PASSWORD");
        set("DATABASE_URL")["value"] =
            fmt::format("postgresql://{0}:$(POSTGRES_PASSWORD)@{1}:5432/{0}", database_name(app_),
                        service.name);
      }
    }
  }

  static void write_probes(Yaml& container, const ProcessSpec& process) {
    auto& port = container["ports"].push();
    port["name"] = "http";
    port["containerPort"] = kContainerPort;
    const auto probe = [&](Yaml& out) {
      if (process.health.empty()) {
        out["tcpSocket"]["port"] = "http";
      } else {
        out["httpGet"]["path"] = process.health;
        out["httpGet"]["port"] = "http";
      }
    };
    probe(container["startupProbe"]);
    container["startupProbe"]["periodSeconds"] = 1;
    container["startupProbe"]["failureThreshold"] =
        std::max<std::uint64_t>(1, seconds(process.start_timeout));
    probe(container["readinessProbe"]);
    container["readinessProbe"]["periodSeconds"] = 2;
    container["readinessProbe"]["failureThreshold"] = 2;
    auto& stop = container["lifecycle"]["preStop"]["exec"]["command"];
    stop = std::vector<std::string>{"sleep", std::to_string(kDrainSeconds)};
    stop.comment(
        "Proxies learn of a stop a little later than the pod: it goes on serving until then.");
  }

  static void write_resources(Yaml& resources, const ProcessSpec& process) {
    if (process.memory > 0) {
      resources["requests"]["memory"] = process.memory;
      resources["limits"]["memory"] = process.memory;
    }
    if (process.cpu_millis > 0) {
      resources["requests"]["cpu"] = fmt::format("{}m", process.cpu_millis);
      resources["limits"]["cpu"] = fmt::format("{}m", process.cpu_millis);
    }
  }

  // A job cannot change: another image or command is another job.
  void write_release() {
    const auto& command = app_.deploy.release_command;
    release_name_ = "release-" + short_hash(image_of(app_, options_) + "\n" + command);
    auto job = object("batch/v1", "Job", release_name_, "release");
    job["spec"]["backoffLimit"] = 6;
    job["spec"]["ttlSecondsAfterFinished"] = 86'400;
    auto& pod = write_pod(job["spec"]["template"], "release");
    pod["restartPolicy"] = "Never";
    write_container(pod["containers"].push(), "release", command, nullptr);
    put("release", {job});
  }

  void write_service(const ServiceSpec& service) {
    const bool postgresql = service.type == ServiceType::kPostgresql;
    const unsigned port = postgresql ? 5432 : 6379;
    auto address = object("v1", "Service", service.name, service.name);
    address["spec"]["clusterIP"] = "None";
    address["spec"]["selector"] = labels(service.name);
    address["spec"]["ports"].push()["port"] = port;

    auto set = object("apps/v1", "StatefulSet", service.name, service.name);
    auto& spec = set["spec"];
    spec["serviceName"] = service.name;
    spec["replicas"] = 1;
    spec["selector"]["matchLabels"] = labels(service.name);
    auto& pod = write_pod(spec["template"], service.name);
    pod["securityContext"]["runAsUser"] = 999;  // as both images have it
    pod["securityContext"]["fsGroup"] = 999;
    auto& container = pod["containers"].push();
    container["name"] = service.name;
    container["image"] = postgresql ? kPostgresImage : kRedisImage;
    if (postgresql) {
      write_postgresql_variables(container["env"]);
    } else {
      container["command"] = std::vector<std::string>{"redis-server", "--appendonly", "yes"};
    }
    container["ports"].push()["containerPort"] = port;
    container["readinessProbe"]["exec"]["command"] =
        postgresql ? std::vector<std::string>{"pg_isready", "-U", database_name(app_)}
                   : std::vector<std::string>{"redis-cli", "ping"};
    container["securityContext"]["allowPrivilegeEscalation"] = false;
    container["securityContext"]["capabilities"]["drop"].push("ALL");
    auto& mount = container["volumeMounts"].push();
    mount["name"] = "data";
    mount["mountPath"] = postgresql ? "/var/lib/postgresql/data" : "/data";
    auto& claim = spec["volumeClaimTemplates"].push();
    claim["metadata"]["name"] = "data";
    claim["spec"]["accessModes"].push("ReadWriteOnce");
    claim["spec"]["resources"]["requests"]["storage"] = "10Gi";
    claim["spec"]["resources"]["requests"]["storage"].comment(
        "Nothing in fairlead.toml says how much.");
    put("service-" + service.name, {address, set});
  }

  void write_postgresql_variables(Yaml& env) const {
    const auto set = [&](std::string_view name) -> Yaml& {
      auto& variable = env.push();
      variable["name"] = name;
      return variable;
    };
    set("POSTGRES_USER")["value"] = database_name(app_);
    set("POSTGRES_DB")["value"] = database_name(app_);
    auto& source = set("POSTGRES_PASSWORD")["valueFrom"]["secretKeyRef"];
    source["name"] = "secrets";
    source["key"] = "POSTGRES_PASSWORD";
    // A volume's own folder is not empty (lost+found), which initdb refuses.
    set("PGDATA")["value"] = "/var/lib/postgresql/data/pgdata";
  }

  // One for each route: limits are said by annotations, which hold for the whole object.
  void write_ingresses() {
    std::vector<Yaml> objects;
    const auto routes = by_precedence(app_);
    for (std::size_t i = 0; i < routes.size(); ++i) {
      const auto& route = routes[i];
      auto ingress =
          object("networking.k8s.io/v1", "Ingress", fmt::format("route-{}", i + 1), route.process);
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
    put("ingress", objects);
  }

  static void write_annotations(Yaml& metadata, const RouteSpec& route) {
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

  // Backing services answer the app alone, the app answers whoever is let in by the cluster.
  void write_policies() {
    std::vector<Yaml> objects;
    for (const auto& service : app_.services) {
      auto policy = object("networking.k8s.io/v1", "NetworkPolicy", service.name, service.name);
      policy["spec"]["podSelector"]["matchLabels"] = labels(service.name);
      policy["spec"]["policyTypes"].push("Ingress");
      auto& from = policy["spec"]["ingress"].push()["from"];
      from.push()["podSelector"]["matchLabels"]["app.kubernetes.io/name"] = app_.name;
      objects.push_back(std::move(policy));
    }
    for (const auto& process : app_.processes) {
      auto policy = object("networking.k8s.io/v1", "NetworkPolicy", process.name, process.name);
      policy["spec"]["podSelector"]["matchLabels"] = labels(process.name);
      policy["spec"]["policyTypes"].push("Ingress");
      policy["spec"]["ingress"] = Yaml::list();
      if (serves(app_, process))
        policy["spec"]["ingress"].push()["ports"].push()["port"] = kContainerPort;
      objects.push_back(std::move(policy));
    }
    put("network-policy", objects);
  }

  void write_kustomization() {
    Yaml name_space_object;
    name_space_object["apiVersion"] = "v1";
    name_space_object["kind"] = "Namespace";
    name_space_object["metadata"]["name"] = name_space();
    put("namespace", {name_space_object});

    Yaml file;
    file.comment(made_from(app_, "kubernetes"));
    file.comment(
        fmt::format("kubectl apply -f namespace.yaml; secrets, once; then: kubectl apply -k ."));
    std::string secrets;
    for (const auto& secret : app_.secrets.names)
      secrets += fmt::format(" --from-file={}=FILE", secret);
    if (service_of(app_, ServiceType::kPostgresql))
      secrets += " --from-file=POSTGRES_PASSWORD=FILE";
    if (!secrets.empty())
      file.comment(
          fmt::format("kubectl -n {} create secret generic secrets{}", name_space(), secrets));
    if (!release_name_.empty())
      file.comment(
          fmt::format("the release command: kubectl -n {} wait --for=condition=complete job/{}",
                      name_space(), release_name_));
    file["apiVersion"] = "kustomize.config.k8s.io/v1beta1";
    file["kind"] = "Kustomization";
    file["namespace"] = name_space();
    std::ranges::sort(resources_);
    file["resources"] = Yaml::list();
    for (const auto& resource : resources_) file["resources"].push(resource);
    rendering_.files.push_back({"kustomization.yaml", file.dump()});
  }

  const AppSpec& app_;
  const RenderOptions& options_;
  Rendering& rendering_;
  std::string settings_name_;
  std::string release_name_;
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
  Manifests(app, options, rendering).write();
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
