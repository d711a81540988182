#include <fmt/format.h>

#include <algorithm>

#include "config/command_line.h"
#include "target/containers.h"
#include "target/kubernetes_objects.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::ServiceSpec;
using config::ServiceType;

namespace {

constexpr unsigned kBusyPercent = 70;    // of the CPU that a pod asks for, before another starts
constexpr unsigned kScaledMillis = 250;  // that a pod asks for where nothing else is said

// Text where "$(" would begin a variable (env, command).
std::string expandable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("$(")) out += '$';
    out += text[i];
  }
  return out;
}

Yaml& variable(Yaml& env, std::string_view name) {
  auto& variable = env.push();
  variable["name"] = name;
  return variable;
}

void secret_variable(Yaml& env, std::string_view name) {
  auto& source = variable(env, name)["valueFrom"]["secretKeyRef"];
  source["name"] = "secrets";
  source["key"] = name;
}

void write_variables(const AppSpec& app, Yaml& env, const ProcessSpec* process) {
  env = Yaml::list();
  if (process && serves(app, *process)) {
    variable(env, "HOST")["value"] = "0.0.0.0";
    variable(env, "PORT")["value"] = std::to_string(kContainerPort);
    variable(env, "FAIRLEAD_DRAIN")["value"] = std::to_string(kPodDrainSeconds);
  }
  if (process)
    for (const auto& [name, value] : process->env) variable(env, name)["value"] = expandable(value);
  for (const auto& secret : app.secrets.names) secret_variable(env, secret);
  for (const auto& service : app.services) {
    if (service.type == ServiceType::kRedis) {
      variable(env, "REDIS_URL")["value"] = fmt::format("redis://{}:6379/0", service.name);
    } else {
      secret_variable(env, kDatabasePassword);
      variable(env, "DATABASE_URL")["value"] =
          fmt::format("postgresql://{0}:$({1})@{2}:5432/{0}", database_name(app), kDatabasePassword,
                      service.name);
    }
  }
}

void write_probes(Yaml& container, const ProcessSpec& process) {
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
}

void write_resources(Yaml& container, const ProcessSpec& process) {
  if (process.memory == 0 && process.cpu_millis == 0 && process.max_replicas == 0) return;
  auto& resources = container["resources"];
  if (process.memory > 0) {
    resources["requests"]["memory"] = process.memory;
    resources["limits"]["memory"] = process.memory;
  }
  if (process.cpu_millis > 0) {
    resources["requests"]["cpu"] = fmt::format("{}m", process.cpu_millis);
    resources["limits"]["cpu"] = fmt::format("{}m", process.cpu_millis);
  } else if (process.max_replicas > 0) {
    resources["requests"]["cpu"] = fmt::format("{}m", kScaledMillis);
    resources["requests"]["cpu"].comment("What 'busy' is measured against; nothing says how much.");
  }
}

// `process` is null for the release command.
void write_container(const KubernetesInput& in, Yaml& container, std::string_view name,
                     std::string_view command, const ProcessSpec* process) {
  container["name"] = name;
  container["image"] = image_of(in.app, in.options);
  container["args"] = Yaml::list();
  for (const auto& word : config::command_line(command)) container["args"].push(expandable(word));
  container["envFrom"].push()["configMapRef"]["name"] = in.settings;
  write_variables(in.app, container["env"], process);
  if (process && serves(in.app, *process)) write_probes(container, *process);
  if (process) write_resources(container, *process);
  container["securityContext"]["allowPrivilegeEscalation"] = false;
  container["securityContext"]["capabilities"]["drop"].push("ALL");
}

void write_postgresql_variables(const AppSpec& app, Yaml& env) {
  variable(env, "POSTGRES_USER")["value"] = database_name(app);
  variable(env, "POSTGRES_DB")["value"] = database_name(app);
  secret_variable(env, kDatabasePassword);
  // A volume's own folder is not empty (lost+found), which initdb refuses.
  variable(env, "PGDATA")["value"] = "/var/lib/postgresql/data/pgdata";
}

void write_deployment(const KubernetesInput& in, Yaml& spec, const ProcessSpec& process) {
  if (process.max_replicas == 0) spec["replicas"] = process.replicas;
  spec["selector"]["matchLabels"] = labels(in.app, process.name);
  spec["strategy"]["type"] = "RollingUpdate";
  spec["strategy"]["rollingUpdate"]["maxUnavailable"] = 0;
  spec["strategy"]["rollingUpdate"]["maxSurge"] = 1;
  spec["progressDeadlineSeconds"] = seconds(process.start_timeout) + 60;
  auto& pod = write_pod(in.app, spec["template"], process.name);
  pod["terminationGracePeriodSeconds"] = seconds(process.stop_timeout) + kPodDrainSeconds;
  if (process.replicas > 1) write_spread(in.app, pod, process.name);
  write_container(in, pod["containers"].push(), process.name, process.command, &process);
}

Yaml autoscaler(const AppSpec& app, const ProcessSpec& process) {
  auto scaler =
      object(app, "autoscaling/v1", "HorizontalPodAutoscaler", process.name, process.name);
  auto& spec = scaler["spec"];
  spec["scaleTargetRef"]["apiVersion"] = "apps/v1";
  spec["scaleTargetRef"]["kind"] = "Deployment";
  spec["scaleTargetRef"]["name"] = process.name;
  spec["minReplicas"] = std::max(1u, process.replicas);
  spec["maxReplicas"] = process.max_replicas;
  spec["targetCPUUtilizationPercentage"] = kBusyPercent;
  return scaler;
}

}  // namespace

Yaml& write_pod(const AppSpec& app, Yaml& pod_template, std::string_view component) {
  pod_template["metadata"]["labels"] = labels(app, component);
  auto& pod = pod_template["spec"];
  pod["automountServiceAccountToken"] = false;
  pod["securityContext"]["runAsNonRoot"] = true;
  pod["securityContext"]["runAsUser"] = 10001;
  pod["securityContext"]["seccompProfile"]["type"] = "RuntimeDefault";
  return pod;
}

void write_spread(const AppSpec& app, Yaml& pod, std::string_view component) {
  auto& spread = pod["topologySpreadConstraints"].push();
  spread["maxSkew"] = 1;
  spread["topologyKey"] = "kubernetes.io/hostname";
  spread["whenUnsatisfiable"] = "ScheduleAnyway";
  spread["labelSelector"]["matchLabels"] = labels(app, component);
}

Yaml disruption_budget(const AppSpec& app, std::string_view name) {
  auto budget = object(app, "policy/v1", "PodDisruptionBudget", name, name);
  budget["spec"]["maxUnavailable"] = 1;
  budget["spec"]["selector"]["matchLabels"] = labels(app, name);
  return budget;
}

std::vector<Yaml> process_objects(const KubernetesInput& in, const ProcessSpec& process) {
  auto deployment = object(in.app, "apps/v1", "Deployment", process.name, process.name);
  write_deployment(in, deployment["spec"], process);
  std::vector<Yaml> objects = {std::move(deployment)};
  if (serves(in.app, process)) {
    auto service = object(in.app, "v1", "Service", process.name, process.name);
    service["spec"]["clusterIP"] = "None";
    service["spec"]["clusterIP"].comment(
        "Its name leads to every pod that is ready: the edge balances.");
    service["spec"]["selector"] = labels(in.app, process.name);
    auto& port = service["spec"]["ports"].push();
    port["name"] = "http";
    port["port"] = kContainerPort;
    objects.push_back(std::move(service));
  }
  if (process.replicas > 1) objects.push_back(disruption_budget(in.app, process.name));
  if (process.max_replicas > 0) objects.push_back(autoscaler(in.app, process));
  return objects;
}

std::string release_job_name(const KubernetesInput& in) {
  return "release-" +
         short_hash(image_of(in.app, in.options) + "\n" + in.app.deploy.release_command);
}

Yaml release_job(const KubernetesInput& in) {
  const auto& command = in.app.deploy.release_command;
  auto job = object(in.app, "batch/v1", "Job", release_job_name(in), "release");
  job["spec"]["backoffLimit"] = 6;
  job["spec"]["ttlSecondsAfterFinished"] = 86'400;
  auto& pod = write_pod(in.app, job["spec"]["template"], "release");
  pod["restartPolicy"] = "Never";
  write_container(in, pod["containers"].push(), "release", command, nullptr);
  return job;
}

std::vector<Yaml> service_objects(const KubernetesInput& in, const ServiceSpec& service) {
  const bool postgresql = service.type == ServiceType::kPostgresql;
  const unsigned port = postgresql ? 5432 : 6379;
  auto address = object(in.app, "v1", "Service", service.name, service.name);
  address["spec"]["clusterIP"] = "None";
  address["spec"]["selector"] = labels(in.app, service.name);
  address["spec"]["ports"].push()["port"] = port;

  auto set = object(in.app, "apps/v1", "StatefulSet", service.name, service.name);
  auto& spec = set["spec"];
  spec["serviceName"] = service.name;
  spec["replicas"] = 1;
  spec["selector"]["matchLabels"] = labels(in.app, service.name);
  auto& pod = write_pod(in.app, spec["template"], service.name);
  pod["securityContext"]["runAsUser"] = 999;  // as both images have it
  pod["securityContext"]["fsGroup"] = 999;
  auto& container = pod["containers"].push();
  container["name"] = service.name;
  container["image"] = postgresql ? kPostgresImage : kRedisImage;
  if (postgresql) {
    write_postgresql_variables(in.app, container["env"]);
  } else {
    container["command"] = std::vector<std::string>{"redis-server", "--appendonly", "yes"};
  }
  container["ports"].push()["containerPort"] = port;
  container["readinessProbe"]["exec"]["command"] =
      postgresql ? std::vector<std::string>{"pg_isready", "-U", database_name(in.app)}
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
  return {std::move(address), std::move(set)};
}

}  // namespace fairlead::target
