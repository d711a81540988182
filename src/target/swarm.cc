#include <fmt/format.h>

#include "config/command_line.h"
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

constexpr std::string_view kDatabasePassword = "POSTGRES_PASSWORD";

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string secret_file(std::string_view secret) { return fmt::format("/run/secrets/{}", secret); }

class Stack {
 public:
  Stack(const AppSpec& app, const RenderOptions& options, std::string_view front_config)
      : app_(app), options_(options), front_version_(short_hash(front_config)) {}

  std::string write() {
    file_.comment(made_from(app_, "swarm"));
    file_.comment(
        fmt::format("docker stack deploy -c stack.yml {}-{}", app_.name, app_.environment));
    for (const auto& secret : secrets())
      file_.comment(
          fmt::format("before the first time: docker secret create {} -", secret_name(secret)));
    file_["version"] = "3.8";
    file_["services"];
    write_front(service("front"));
    for (const auto& process : app_.processes) write_process(service(process.name), process);
    if (!app_.deploy.release_command.empty()) write_release(service("release"));
    for (const auto& backing : app_.services) write_service(service(backing.name), backing);
    if (options_.console && service_of(app_, ServiceType::kPostgresql))
      write_console(service("console"));
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
    front.comment("What users reach: balances, limits, caches; follows replicas by name.");
    front["image"] = kHaproxyImage;
    auto& port = front["ports"].push();
    port["target"] = 8080;
    port["published"] = options_.http_port;
    port["mode"] = "host";
    port["mode"].comment("The routing mesh would hide the client's address.");
    auto& config = front["configs"].push();
    config["source"] = "front";
    config["target"] = "/usr/local/etc/haproxy/haproxy.cfg";
    front["networks"].push("front");
    auto& deploy = front["deploy"];
    deploy["mode"] = "global";
    deploy["update_config"]["order"] = "stop-first";
    deploy["restart_policy"]["condition"] = "any";
  }

  void write_process(Yaml& out, const ProcessSpec& process) {
    out["image"] = image_of(app_, options_);
    write_command(out, process.command);
    out["environment"] = container_environment(app_, &process);
    add_plain_addresses(out["environment"]);
    out["stop_grace_period"] = fmt::format("{}s", seconds(process.stop_timeout));
    out["init"] = true;
    out["cap_drop"].push("ALL");
    if (serves(app_, process)) out["networks"].push("front");
    out["networks"].push("back");
    auto& deploy = out["deploy"];
    deploy["replicas"] = process.replicas;
    deploy["endpoint_mode"] = "dnsrr";
    deploy["endpoint_mode"].comment("HAProxy balances, over the addresses of the replicas.");
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

  // Secrets are files there and variables here: a shell reads them and becomes the program.
  void write_command(Yaml& out, std::string_view command) {
    const auto names = secrets();
    if (names.empty()) {
      out["command"] = compose_command(command);
      return;
    }
    std::string script;
    for (const auto& name : app_.secrets.names)
      script += fmt::format("export {}=\"$(cat {})\"; ", name, secret_file(name));
    if (const auto* database = service_of(app_, ServiceType::kPostgresql))
      script += fmt::format("export DATABASE_URL=\"postgresql://{0}:$(cat {1})@{2}:5432/{0}\"; ",
                            database_name(app_), secret_file(kDatabasePassword), database->name);
    script += "exec";
    for (const auto& word : config::command_line(command)) script += " " + shell_word(word);
    out["command"] = Yaml::list();
    for (const std::string_view word : {"/bin/sh", "-c"}) out["command"].push(word);
    out["command"].push(compose_text(script));
    for (const auto& name : names) {
      auto& secret = out["secrets"].push();
      secret["source"] = name;
      secret["target"] = name;
    }
  }

  void add_plain_addresses(Yaml& environment) const {
    if (const auto* redis = service_of(app_, ServiceType::kRedis))
      environment["REDIS_URL"] = fmt::format("redis://{}:6379/0", redis->name);
  }

  void write_release(Yaml& out) {
    out.comment("Once for each new image; tried again until the database is there.");
    out["image"] = image_of(app_, options_);
    write_command(out, app_.deploy.release_command);
    out["environment"] = container_environment(app_, nullptr);
    add_plain_addresses(out["environment"]);
    out["networks"].push("back");
    auto& deploy = out["deploy"];
    deploy["restart_policy"]["condition"] = "on-failure";
    deploy["restart_policy"]["delay"] = "2s";
    deploy["restart_policy"]["max_attempts"] = 30;
  }

  void write_service(Yaml& out, const ServiceSpec& backing) {
    const bool postgresql = backing.type == ServiceType::kPostgresql;
    out["image"] = postgresql ? kPostgresImage : kRedisImage;
    if (postgresql) {
      out["environment"]["POSTGRES_USER"] = database_name(app_);
      out["environment"]["POSTGRES_DB"] = database_name(app_);
      out["environment"]["POSTGRES_PASSWORD_FILE"] = secret_file(kDatabasePassword);
      auto& secret = out["secrets"].push();
      secret["source"] = kDatabasePassword;
      secret["target"] = kDatabasePassword;
    } else {
      out["command"] = std::vector<std::string>{"redis-server", "--appendonly", "yes"};
    }
    out["volumes"].push(
        fmt::format("{}:{}", backing.name, postgresql ? "/var/lib/postgresql/data" : "/data"));
    out["networks"].push("back");
    auto& deploy = out["deploy"];
    deploy["endpoint_mode"] = "dnsrr";
    deploy["placement"]["constraints"].push("node.role == manager");
    deploy["placement"].comment("The volume is on one node, and the service must stay there.");
    deploy["update_config"]["order"] = "stop-first";
    deploy["restart_policy"]["condition"] = "any";
    file_["volumes"][backing.name];
  }

  void write_console(Yaml& out) {
    out.comment("Reached by everyone who reaches port 8081 of a node: close it to the outside.");
    out["image"] = kAdminerImage;
    out["environment"]["ADMINER_DEFAULT_SERVER"] = service_of(app_, ServiceType::kPostgresql)->name;
    auto& port = out["ports"].push();
    port["target"] = 8080;
    port["published"] = 8081;
    port["mode"] = "host";
    out["networks"].push("back");
  }

  void write_rest() {
    auto& front = file_["configs"]["front"];
    front["name"] = fmt::format("{}-{}-front-{}", app_.name, app_.environment, front_version_);
    front["name"].comment("A config never changes: another content is another name.");
    front["file"] = "./haproxy.cfg";
    for (const auto& secret : secrets()) {
      file_["secrets"][secret]["external"] = true;
      file_["secrets"][secret]["name"] = secret_name(secret);
    }
    file_["networks"]["front"]["driver"] = "overlay";
    file_["networks"]["back"]["driver"] = "overlay";
  }

  const AppSpec& app_;
  const RenderOptions& options_;
  std::string front_version_;
  Yaml file_;
};

}  // namespace

Result<> render_swarm(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                      Report& report) {
  TRY_VOID(check_names(app, {"front", "release", "console"}));
  auto front = front_config(app, "swarm", "tasks.");
  rendering.files.push_back({"stack.yml", Stack(app, options, front).write()});
  rendering.files.push_back({"haproxy.cfg", std::move(front)});

  report.carried("processes.NAME.command, env",
                 "in the container; where there are secrets, /bin/sh of the image reads them and "
                 "becomes the program");
  report.carried("processes.NAME.replicas",
                 "'docker service scale' too; HAProxy follows within two seconds");
  report.carried("processes.NAME.memory, cpu, stop_timeout",
                 "resource limits and stop_grace_period");
  report.carried("processes.NAME.balance", "roundrobin or leastconn, in HAProxy");
  report_haproxy_routes(app, report);
  report.carried(
      "deploy",
      "one replica after another, the new one first, taken back where it fails within 15 s");
  report.differs("deploy.drain",
                 "a replica gets SIGTERM while HAProxy may still know it: its program must go on "
                 "answering for a second or two");
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
        "secrets of the Swarm, encrypted in its log; to rotate one, create it under another name");
  report.missing("build",
                 "push the image under the name in this file, so that every node can pull it");
  return {};
}

}  // namespace fairlead::target
