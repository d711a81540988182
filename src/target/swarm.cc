#include <fmt/format.h>

#include "target/containers.h"
#include "target/edge_file.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::ServiceSpec;
using config::ServiceType;

namespace {

constexpr unsigned kReadableByAll = 0444;

std::string secret_file(std::string_view secret) { return fmt::format("/run/secrets/{}", secret); }

class Stack {
 public:
  Stack(const AppSpec& app, const RenderOptions& options, std::string_view edge_config)
      : app_(app),
        in_{app, options, fmt::format("{{secret:{}}}", kDatabasePassword)},
        edge_version_(short_hash(edge_config)) {}

  std::string write() {
    file_.comment(made_from(app_, "swarm"));
    file_.comment(
        fmt::format("docker stack deploy -c stack.yml {}-{}", app_.name, app_.environment));
    for (const auto& secret : secrets())
      file_.comment(
          fmt::format("before the first time: docker secret create {} -", secret_name(secret)));
    file_["version"] = "3.8";
    file_["services"];
    write_front(service("edge"));
    for (const auto& process : app_.processes) write_process(service(process.name), process);
    if (!app_.deploy.release_command.empty()) write_release(service("release"));
    for (const auto& backing : app_.services) write_service(service(backing.name), backing);
    if (in_.options.console && service_of(app_, ServiceType::kPostgresql))
      write_database_console(service("console"));
    write_rest();
    return file_.dump();
  }

 private:
  Yaml& service(std::string_view name) { return file_["services"][name]; }

  std::string secret_name(std::string_view secret) const {
    return fmt::format("{}-{}-{}", app_.name, app_.environment, secret);
  }

  std::vector<std::string> secrets() const {
    auto names = app_.secrets.names;
    if (service_of(app_, ServiceType::kPostgresql)) names.emplace_back(kDatabasePassword);
    return names;
  }

  void write_front(Yaml& front) {
    write_edge(in_, front);
    auto& port = front["ports"].push();
    port["target"] = kContainerPort;
    port["published"] = in_.options.http_port;
    port["mode"] = "host";
    port["mode"].comment("The routing mesh would hide the client's address.");
    auto& config = front["configs"].push();
    config["source"] = "edge";
    config["target"] = "/etc/fairlead/edge.json";
    auto& deploy = front["deploy"];
    deploy["mode"] = "global";
    deploy["endpoint_mode"] = "dnsrr";
    deploy["update_config"]["order"] = "stop-first";
    deploy["restart_policy"]["condition"] = "any";
  }

  void write_process(Yaml& out, const ProcessSpec& process) {
    write_program(in_, out, process.command, &process);
    write_secrets(out);
    auto& deploy = out["deploy"];
    deploy["replicas"] = process.replicas;
    deploy["endpoint_mode"] = "dnsrr";
    deploy["endpoint_mode"].comment("The edge balances, over the addresses of the replicas.");
    write_policy(deploy["update_config"], true);
    write_policy(deploy["rollback_config"], false);
    deploy["restart_policy"]["condition"] = "any";
    if (process.memory > 0)
      deploy["resources"]["limits"]["memory"] = std::to_string(process.memory);
    if (process.cpu_millis > 0)
      deploy["resources"]["limits"]["cpus"] = fmt::format("{:.3f}", process.cpu_millis / 1000.0);
  }

  // One after another, the new one first; a failed one takes the update back.
  static void write_policy(Yaml& policy, bool update) {
    policy["parallelism"] = 1;
    policy["order"] = "start-first";
    if (!update) return;
    policy["monitor"] = "15s";
    policy["failure_action"] = "rollback";
  }

  // Files in /run/secrets: process 1 of the image makes variables of them.
  void write_secrets(Yaml& out) {
    for (const auto& name : secrets()) {
      auto& secret = out["secrets"].push();
      secret["source"] = name;
      secret["target"] = name;
      secret["mode"] = kReadableByAll;
      secret["mode"].comment("0444: the app is not root.");
    }
  }

  void write_release(Yaml& out) {
    out.comment("Once for each new image; tried again until the database is there.");
    write_program(in_, out, app_.deploy.release_command, nullptr);
    write_secrets(out);
    auto& deploy = out["deploy"];
    deploy["restart_policy"]["condition"] = "on-failure";
    deploy["restart_policy"]["delay"] = "2s";
    deploy["restart_policy"]["max_attempts"] = 30;
  }

  void write_service(Yaml& out, const ServiceSpec& backing) {
    write_backing(in_, out, backing);
    if (backing.type == ServiceType::kPostgresql) {
      out["environment"][fmt::format("{}_FILE", kDatabasePassword)] =
          secret_file(kDatabasePassword);
      auto& secret = out["secrets"].push();
      secret["source"] = kDatabasePassword;
      secret["target"] = kDatabasePassword;
    }
    auto& deploy = out["deploy"];
    deploy["endpoint_mode"] = "dnsrr";
    deploy["placement"]["constraints"].push("node.role == manager");
    deploy["placement"].comment("The volume is on one node, and the service must stay there.");
    deploy["update_config"]["order"] = "stop-first";
    deploy["restart_policy"]["condition"] = "any";
    file_["volumes"][backing.name];
  }

  void write_database_console(Yaml& out) {
    out.comment("Reached by everyone who reaches port 8081 of a node: close it to the outside.");
    write_console(in_, out);
    auto& port = out["ports"].push();
    port["target"] = 8080;
    port["published"] = 8081;
    port["mode"] = "host";
    out["deploy"]["endpoint_mode"] = "dnsrr";
  }

  void write_rest() {
    auto& edge = file_["configs"]["edge"];
    edge["name"] = fmt::format("{}-{}-edge-{}", app_.name, app_.environment, edge_version_);
    edge["name"].comment("A config never changes: another content is another name.");
    edge["file"] = "./edge.json";
    for (const auto& secret : secrets()) {
      file_["secrets"][secret]["external"] = true;
      file_["secrets"][secret]["name"] = secret_name(secret);
    }
    file_["networks"]["front"]["driver"] = "overlay";
    file_["networks"]["back"]["driver"] = "overlay";
  }

  const AppSpec& app_;
  const ContainerInput in_;
  const std::string edge_version_;
  Yaml file_;
};

}  // namespace

Result<> render_swarm(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                      Report& report) {
  TRY_VOID(check_names(app, {"edge", "release", "console"}));
  auto edge =
      edge_file(app, {.name = [](const ProcessSpec& p) { return fmt::format("tasks.{}", p.name); },
                      .trusted_proxies = {}});
  rendering.files.push_back({"stack.yml", Stack(app, options, edge).write()});
  rendering.files.push_back({"edge.json", std::move(edge)});
  rendering.checks.push_back({"docker-compose", "-f", "stack.yml", "config", "--quiet"});

  report.carried("processes.NAME.command, env",
                 "in the container, without a shell where it needs none");
  report.carried("processes.NAME.replicas", "'docker service scale' too");
  report.carried("processes.NAME.memory, cpu, stop_timeout",
                 "resource limits and stop_grace_period");
  report_edge(app, report);
  report.carried(
      "deploy",
      "one replica after another, the new one first, taken back where it fails within 15 s");
  report.differs("deploy.drain",
                 fmt::format("a replica that is told to stop serves for {} s more, until every "
                             "edge knows; that the image's process 1 does (fairlead-launch)",
                             kDrainSeconds));
  if (!app.deploy.release_command.empty())
    report.differs(
        "deploy.release_command",
        "starts together with the new replicas, not before them, and failing does not stop them");
  for (const auto& service : app.services) {
    report.differs(fmt::format("services.{}", service.name),
                   "one container with a volume on one node; it does not move");
    if (service.backup.every > 0s)
      report.missing(fmt::format("services.{}.backup", service.name),
                     "nothing backs the volume up");
  }
  if (!app.secrets.names.empty())
    report.carried(
        "secrets",
        "secrets of the Swarm, encrypted in its log, files in the container, of which the image's "
        "process 1 makes variables; to rotate one, create it under another name");
  report.missing("https", "the edge listens in plain HTTP: terminate TLS in front of it");
  report.missing("build",
                 "'fairlead image push' sends the image, 'fairlead image push --edge' the edge's, "
                 "so that every node can pull them");
  return {};
}

}  // namespace fairlead::target
