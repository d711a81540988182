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

constexpr std::string_view kPasswordKey = "POSTGRES_PASSWORD";

// Text where "$(" would begin a variable (env, command).
std::string expandable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("$(")) out += '$';
    out += text[i];
  }
  return out;
}

// What all pods of the app have; gives the pod's spec.
Yaml& write_pod(const AppSpec& app, Yaml& pod_template, std::string_view component) {
  pod_template["metadata"]["labels"] = labels(app, component);
  auto& pod = pod_template["spec"];
  pod["automountServiceAccountToken"] = false;
  pod["securityContext"]["runAsNonRoot"] = true;
  pod["securityContext"]["runAsUser"] = 10001;
  pod["securityContext"]["seccompProfile"]["type"] = "RuntimeDefault";
  return pod;
}

void write_spread(const AppSpec& app, Yaml& pod, const ProcessSpec& process) {
  if (process.replicas < 2) return;
  auto& spread = pod["topologySpreadConstraints"].push();
  spread["maxSkew"] = 1;
  spread["topologyKey"] = "kubernetes.io/hostname";
  spread["whenUnsatisfiable"] = "ScheduleAnyway";
  spread["labelSelector"]["matchLabels"] = labels(app, process.name);
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
  }
  if (process)
    for (const auto& [name, value] : process->env) variable(env, name)["value"] = expandable(value);
  for (const auto& secret : app.secrets.names) secret_variable(env, secret);
  for (const auto& service : app.services) {
    if (service.type == ServiceType::kRedis) {
      variable(env, "REDIS_URL")["value"] = fmt::format("redis://{}:6379/0", service.name);
    } else {
      secret_variable(env, kPasswordKey);
      variable(env, "DATABASE_URL")["value"] = fmt::format(
          "postgresql://{0}:$({1})@{2}:5432/{0}", database_name(app), kPasswordKey, service.name);
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
  auto& stop = container["lifecycle"]["preStop"]["exec"]["command"];
  stop = std::vector<std::string>{"sleep", std::to_string(kDrainSeconds)};
  stop.comment(
      "Proxies learn of a stop a little later than the pod: it goes on serving until then.");
}

void write_resources(Yaml& resources, const ProcessSpec& process) {
  if (process.memory > 0) {
    resources["requests"]["memory"] = process.memory;
    resources["limits"]["memory"] = process.memory;
  }
  if (process.cpu_millis > 0) {
    resources["requests"]["cpu"] = fmt::format("{}m", process.cpu_millis);
    resources["limits"]["cpu"] = fmt::format("{}m", process.cpu_millis);
  }
}

// `process` is null for the release command.
void write_container(const KubernetesInput& in, Yaml& container, std::string_view name,
                     std::string_view command, const ProcessSpec* process) {
  container["name"] = name;
  container["image"] = image_of(in.app, in.options);
  container["command"] = Yaml::list();
  for (const auto& word : config::command_line(command))
    container["command"].push(expandable(word));
  container["envFrom"].push()["configMapRef"]["name"] = in.settings;
  write_variables(in.app, container["env"], process);
  if (process && serves(in.app, *process)) write_probes(container, *process);
  if (process && (process->memory > 0 || process->cpu_millis > 0))
    write_resources(container["resources"], *process);
  container["securityContext"]["allowPrivilegeEscalation"] = false;
  container["securityContext"]["capabilities"]["drop"].push("ALL");
}

void write_postgresql_variables(const AppSpec& app, Yaml& env) {
  variable(env, "POSTGRES_USER")["value"] = database_name(app);
  variable(env, "POSTGRES_DB")["value"] = database_name(app);
  secret_variable(env, kPasswordKey);
  // A volume's own folder is not empty (lost+found), which initdb refuses.
  variable(env, "PGDATA")["value"] = "/var/lib/postgresql/data/pgdata";
}

}  // namespace

std::vector<Yaml> process_objects(const KubernetesInput& in, const ProcessSpec& process) {
  auto deployment = object(in.app, "apps/v1", "Deployment", process.name, process.name);
  auto& spec = deployment["spec"];
  spec["replicas"] = process.replicas;
  spec["selector"]["matchLabels"] = labels(in.app, process.name);
  spec["strategy"]["type"] = "RollingUpdate";
  spec["strategy"]["rollingUpdate"]["maxUnavailable"] = 0;
  spec["strategy"]["rollingUpdate"]["maxSurge"] = 1;
  spec["progressDeadlineSeconds"] = seconds(process.start_timeout) + 60;
  auto& pod = write_pod(in.app, spec["template"], process.name);
  pod["terminationGracePeriodSeconds"] = seconds(process.stop_timeout) + kDrainSeconds;
  write_spread(in.app, pod, process);
  write_container(in, pod["containers"].push(), process.name, process.command, &process);
  std::vector<Yaml> objects = {std::move(deployment)};
  if (serves(in.app, process)) {
    auto service = object(in.app, "v1", "Service", process.name, process.name);
    service["spec"]["selector"] = labels(in.app, process.name);
    auto& port = service["spec"]["ports"].push();
    port["name"] = "http";
    port["port"] = 80;
    port["targetPort"] = "http";
    objects.push_back(std::move(service));
  }
  if (process.replicas > 1) {
    auto budget = object(in.app, "policy/v1", "PodDisruptionBudget", process.name, process.name);
    budget["spec"]["maxUnavailable"] = 1;
    budget["spec"]["selector"]["matchLabels"] = labels(in.app, process.name);
    objects.push_back(std::move(budget));
  }
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
