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

// A value that whoever starts it must have set.
std::string from_outside(std::string_view name) {
  return fmt::format("${{{0}:?set {0} in .env}}", name);
}

class Compose {
 public:
  Compose(const AppSpec& app, const RenderOptions& options)
      : app_(app), in_{app, options, from_outside(kDatabasePassword)} {}

  std::string write() {
    file_.comment(made_from(app_, "compose"));
    file_.comment(fmt::format("docker compose -p {}-{} up -d", app_.name, app_.environment));
    auto& services = file_["services"];
    write_front(services["edge"]);
    for (const auto& process : app_.processes) write_process(services[process.name], process);
    if (!app_.deploy.release_command.empty()) write_release(services["release"]);
    for (const auto& service : app_.services) write_service(services[service.name], service);
    if (in_.options.console && service_of(app_, ServiceType::kPostgresql))
      write_database_console(services["console"]);
    auto& networks = file_["networks"];
    networks["front"];
    networks["back"].comment("Backing services are reached over this one, by the app alone.");
    return file_.dump();
  }

 private:
  void write_front(Yaml& front) {
    write_edge(in_, front);
    front["ports"].push(fmt::format("{}:{}", in_.options.http_port, kContainerPort));
    front["volumes"].push("./edge.json:/etc/fairlead/edge.json:ro");
    finish(front, "unless-stopped");
  }

  void write_process(Yaml& service, const ProcessSpec& process) {
    write_program(in_, service, process.command, &process);
    write_secrets(service);
    service["scale"] = process.replicas;
    if (process.memory > 0) {
      service["mem_limit"] = process.memory;
      service["memswap_limit"] = process.memory;
    }
    if (process.cpu_millis > 0) service["cpus"] = fmt::format("{}", process.cpu_millis / 1000.0);
    write_dependencies(service, true);
    finish(service, "unless-stopped");
  }

  void write_release(Yaml& service) {
    service.comment("Once at every 'up', before the processes.");
    write_program(in_, service, app_.deploy.release_command, nullptr);
    write_secrets(service);
    write_dependencies(service, false);
    finish(service, "no");
  }

  void write_secrets(Yaml& service) {
    for (const auto& secret : app_.secrets.names)
      service["environment"][secret] = from_outside(secret);
  }

  void write_dependencies(Yaml& service, bool after_release) {
    for (const auto& needed : app_.services)
      service["depends_on"][needed.name]["condition"] = "service_healthy";
    if (after_release && !app_.deploy.release_command.empty())
      service["depends_on"]["release"]["condition"] = "service_completed_successfully";
  }

  void write_service(Yaml& out, const ServiceSpec& service) {
    write_backing(in_, out, service);
    if (service.type == ServiceType::kPostgresql) {
      auto& password = out["environment"][kDatabasePassword];
      password = from_outside(kDatabasePassword);
      password.comment("Letters and digits: it becomes part of a URL.");
    }
    auto& health = out["healthcheck"];
    health["test"] = backing_probe(app_, service);
    health["interval"] = "2s";
    health["timeout"] = "2s";
    health["retries"] = 30;
    out["restart"] = "unless-stopped";
    file_["volumes"][service.name];
  }

  void write_database_console(Yaml& console) {
    console.comment("For this machine alone: http://127.0.0.1:8081/");
    write_console(in_, console);
    console["ports"].push("127.0.0.1:8081:8080");
    console["restart"] = "unless-stopped";
  }

  static void finish(Yaml& service, std::string_view restart) {
    service["security_opt"].push("no-new-privileges:true");
    service["restart"] = restart;
  }

  const AppSpec& app_;
  const ContainerInput in_;
  Yaml file_;
};

}  // namespace

Result<> render_compose(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                        Report& report) {
  TRY_VOID(check_names(app, {"edge", "release", "console"}));
  rendering.files.push_back({"docker-compose.yml", Compose(app, options).write()});
  rendering.files.push_back(
      {"edge.json", edge_file(app, {.name = [](const ProcessSpec& p) { return p.name; },
                                    .trusted_proxies = {}})});
  rendering.checks.push_back({"docker-compose", "config", "--quiet", "--no-interpolate"});

  report.carried("processes.NAME.command, env",
                 "in the container, without a shell where it needs none");
  report.carried("processes.NAME.memory, cpu, stop_timeout", "mem_limit, cpus, stop_grace_period");
  report.carried("processes.NAME.replicas",
                 "'docker compose up --scale' is for a moment, this file for good");
  report_edge(app, report);
  if (!app.deploy.release_command.empty())
    report.carried("deploy.release_command",
                   "a service that runs once, before the processes start");
  report.differs("deploy",
                 "'up' stops a replica before its successor is ready: requests can fail, and "
                 "nothing is rolled back");
  for (const auto& service : app.services) {
    report.carried(fmt::format("services.{}", service.name),
                   "a container with a volume, reached by the app alone");
    if (service.backup.every > 0s)
      report.missing(fmt::format("services.{}.backup", service.name),
                     "nothing backs the volume up");
  }
  if (!app.secrets.names.empty())
    report.differs("secrets", "plain text in .env beside this file, and in 'docker inspect'");
  report.missing("https", "the edge listens in plain HTTP: terminate TLS in front of it");
  report.missing("build",
                 "'fairlead image push' sends the image, 'fairlead image push --edge' the edge's");
  return {};
}

}  // namespace fairlead::target
