#include <fmt/format.h>

#include "target/containers.h"
#include "target/haproxy_config.h"
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
  Compose(const AppSpec& app, const RenderOptions& options) : app_(app), options_(options) {}

  std::string write() {
    file_.comment(made_from(app_, "compose"));
    file_.comment(fmt::format("docker compose -p {}-{} up -d", app_.name, app_.environment));
    auto& services = file_["services"];
    write_front(services["front"]);
    for (const auto& process : app_.processes) write_process(services[process.name], process);
    if (!app_.deploy.release_command.empty()) write_release(services["release"]);
    for (const auto& service : app_.services) write_service(services[service.name], service);
    if (options_.console && service_of(app_, ServiceType::kPostgresql))
      write_console(services["console"]);
    write_networks();
    return file_.dump();
  }

 private:
  void write_front(Yaml& front) {
    front.comment("What users reach: balances, limits, caches; finds replicas by name.");
    front["image"] = kHaproxyImage;
    front["ports"].push(fmt::format("{}:8080", options_.http_port));
    front["volumes"].push("./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro");
    front["networks"].push("front");
    front["restart"] = "unless-stopped";
  }

  void write_process(Yaml& service, const ProcessSpec& process) {
    service["image"] = image_of(app_, options_);
    service["command"] = compose_command(process.command);
    service["scale"] = process.replicas;
    write_environment(service["environment"], &process);
    if (process.memory > 0) {
      service["mem_limit"] = process.memory;
      service["memswap_limit"] = process.memory;
    }
    if (process.cpu_millis > 0) service["cpus"] = fmt::format("{}", process.cpu_millis / 1000.0);
    service["stop_grace_period"] = fmt::format("{}s", seconds(process.stop_timeout));
    write_dependencies(service, true);
    if (serves(app_, process)) service["networks"].push("front");
    service["networks"].push("back");
    harden(service);
    service["restart"] = "unless-stopped";
  }

  void write_release(Yaml& service) {
    service.comment("Once at every 'up', before the processes.");
    service["image"] = image_of(app_, options_);
    service["command"] = compose_command(app_.deploy.release_command);
    write_environment(service["environment"], nullptr);
    write_dependencies(service, false);
    service["networks"].push("back");
    harden(service);
    service["restart"] = "no";
  }

  void write_environment(Yaml& environment, const ProcessSpec* process) {
    environment = container_environment(app_, process);
    for (const auto& service : app_.services)
      environment[config::url_variable(service.type)] = address_of(service);
    for (const auto& secret : app_.secrets.names) environment[secret] = from_outside(secret);
  }

  std::string address_of(const ServiceSpec& service) const {
    if (service.type == ServiceType::kRedis) return fmt::format("redis://{}:6379/0", service.name);
    return fmt::format("postgresql://{0}:{1}@{2}:5432/{0}", database_name(app_),
                       from_outside("POSTGRES_PASSWORD"), service.name);
  }

  void write_dependencies(Yaml& service, bool after_release) {
    for (const auto& needed : app_.services)
      service["depends_on"][needed.name]["condition"] = "service_healthy";
    if (after_release && !app_.deploy.release_command.empty())
      service["depends_on"]["release"]["condition"] = "service_completed_successfully";
  }

  void write_service(Yaml& out, const ServiceSpec& service) {
    const bool postgresql = service.type == ServiceType::kPostgresql;
    out["image"] = postgresql ? kPostgresImage : kRedisImage;
    if (postgresql) {
      out["environment"]["POSTGRES_USER"] = database_name(app_);
      out["environment"]["POSTGRES_DB"] = database_name(app_);
      out["environment"]["POSTGRES_PASSWORD"] = from_outside("POSTGRES_PASSWORD");
      out["environment"]["POSTGRES_PASSWORD"].comment(
          "Letters and digits: it becomes part of a URL.");
    } else {
      out["command"] = std::vector<std::string>{"redis-server", "--appendonly", "yes"};
    }
    auto& health = out["healthcheck"];
    health["test"] = postgresql
                         ? std::vector<std::string>{"CMD", "pg_isready", "-U", database_name(app_)}
                         : std::vector<std::string>{"CMD", "redis-cli", "ping"};
    health["interval"] = "2s";
    health["timeout"] = "2s";
    health["retries"] = 30;
    out["volumes"].push(
        fmt::format("{}:{}", service.name, postgresql ? "/var/lib/postgresql/data" : "/data"));
    out["networks"].push("back");
    out["restart"] = "unless-stopped";
    file_["volumes"][service.name];
  }

  void write_console(Yaml& console) {
    console.comment("For this machine alone: http://127.0.0.1:8081/");
    console["image"] = kAdminerImage;
    console["environment"]["ADMINER_DEFAULT_SERVER"] =
        service_of(app_, ServiceType::kPostgresql)->name;
    console["ports"].push("127.0.0.1:8081:8080");
    console["networks"].push("back");
    console["networks"].push("front");
    console["restart"] = "unless-stopped";
  }

  void write_networks() {
    auto& networks = file_["networks"];
    networks["front"];
    networks["back"].comment("Backing services are reached over this one, by the app alone.");
  }

  static void harden(Yaml& service) {
    service["cap_drop"].push("ALL");
    service["security_opt"].push("no-new-privileges:true");
    service["init"] = true;
  }

  const AppSpec& app_;
  const RenderOptions& options_;
  Yaml file_;
};

}  // namespace

Result<> render_compose(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                        Report& report) {
  TRY_VOID(check_names(app, {"front", "release", "console"}));
  rendering.files.push_back({"docker-compose.yml", Compose(app, options).write()});
  rendering.files.push_back({"haproxy.cfg", front_config(app, "compose", "")});
  rendering.checks.push_back({"docker-compose", "config", "--quiet", "--no-interpolate"});

  report.carried("processes.NAME.command, env",
                 "in the container, without a shell where it needs none");
  report.carried("processes.NAME.memory, cpu, stop_timeout", "mem_limit, cpus, stop_grace_period");
  report.carried("processes.NAME.balance", "roundrobin or leastconn, in HAProxy");
  report.differs("processes.NAME.replicas",
                 "HAProxy finds new ones within a second or two; 'docker compose up --scale' is "
                 "for a moment, this file for good");
  report_haproxy_routes(app, report);
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
  report.missing("build", "build the image, or push one, under the name in this file");
  return {};
}

}  // namespace fairlead::target
