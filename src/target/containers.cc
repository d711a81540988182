#include "target/containers.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/command_line.h"
#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::ServiceType;

Result<> check_names(const config::AppSpec& app, std::vector<std::string_view> reserved) {
  const auto take = [&](std::string_view name, config::Location where) -> Result<> {
    if (std::ranges::count(reserved, name) > 0)
      return fail(
          Error(Code::kInvalid, fmt::format("{}:{}:{}: '{}' is the name of another container there",
                                            app.file.string(), where.line, where.column, name))
              .hint("give one of the two another name"));
    reserved.push_back(name);
    return {};
  };
  for (const auto& process : app.processes) TRY_VOID(take(process.name, process.where));
  for (const auto& service : app.services) TRY_VOID(take(service.name, service.where));
  return {};
}

std::string compose_text(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '$' ? "$$" : std::string(1, c);
  return out;
}

namespace {

void write_environment(const ContainerInput& in, Yaml& environment, const ProcessSpec* process) {
  const auto& app = in.app;
  for (const auto& [name, value] : container_variables(app, process))
    environment[name] = compose_text(value);
  if (process && serves(app, *process)) {
    environment["HOST"] = "0.0.0.0";
    environment["PORT"] = std::to_string(kContainerPort);
    environment["FAIRLEAD_DRAIN"] = std::to_string(kDrainSeconds);
  }
  for (const auto& service : app.services)
    environment[config::url_variable(service.type)] =
        service.type == ServiceType::kRedis
            ? fmt::format("redis://{}:6379/0", service.name)
            : fmt::format("postgresql://{0}:{1}@{2}:5432/{0}", database_name(app), in.password,
                          service.name);
}

}  // namespace

void write_program(const ContainerInput& in, Yaml& out, std::string_view command,
                   const ProcessSpec* process) {
  out["image"] = image_of(in.app, in.options);
  out["command"] = Yaml::list();
  for (const auto& word : config::command_line(command)) out["command"].push(compose_text(word));
  write_environment(in, out["environment"], process);
  const bool serving = process && serves(in.app, *process);
  if (process)
    out["stop_grace_period"] =
        fmt::format("{}s", seconds(process->stop_timeout) + (serving ? kDrainSeconds : 0));
  if (serving) out["networks"].push("front");
  out["networks"].push("back");
  out["cap_drop"].push("ALL");
}

void write_backing(const ContainerInput& in, Yaml& out, const config::ServiceSpec& service) {
  const bool postgresql = service.type == ServiceType::kPostgresql;
  out["image"] = postgresql ? kPostgresImage : kRedisImage;
  if (postgresql) {
    out["environment"]["POSTGRES_USER"] = database_name(in.app);
    out["environment"]["POSTGRES_DB"] = database_name(in.app);
  } else {
    out["command"] = std::vector<std::string>{"redis-server", "--appendonly", "yes"};
  }
  out["volumes"].push(
      fmt::format("{}:{}", service.name, postgresql ? "/var/lib/postgresql/data" : "/data"));
  out["networks"].push("back");
}

void write_edge(const ContainerInput& in, Yaml& out) {
  out.comment("What users reach: routes, limits, caches; follows replicas by name.");
  out["image"] = in.options.edge_image;
  out["networks"].push("front");
  out["cap_drop"].push("ALL");
  out["stop_grace_period"] = "35s";
}

void write_console(const ContainerInput& in, Yaml& out) {
  out["image"] = kAdminerImage;
  out["environment"]["ADMINER_DEFAULT_SERVER"] = service_of(in.app, ServiceType::kPostgresql)->name;
  out["networks"].push("back");
}

std::vector<std::string> backing_probe(const AppSpec& app, const config::ServiceSpec& service) {
  // By TCP: while it sets itself up, PostgreSQL's image listens on its Unix socket alone.
  if (service.type == ServiceType::kPostgresql)
    return {"CMD", "pg_isready", "-h", "127.0.0.1", "-U", database_name(app)};
  return {"CMD", "redis-cli", "ping"};
}

}  // namespace fairlead::target
