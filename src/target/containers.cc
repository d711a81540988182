#include "target/containers.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/command_line.h"
#include "target/haproxy_config.h"
#include "target/plan.h"

namespace fairlead::target {

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

Yaml compose_command(std::string_view command) {
  auto words = Yaml::list();
  for (const auto& word : config::command_line(command)) words.push(compose_text(word));
  return words;
}

Yaml container_environment(const config::AppSpec& app, const config::ProcessSpec* process) {
  Yaml environment;
  for (const auto& [name, value] : variables_of(app, process))
    environment[name] = compose_text(value);
  if (process && serves(app, *process)) {
    environment["HOST"] = "0.0.0.0";
    environment["PORT"] = std::to_string(kContainerPort);
  }
  return environment;
}

std::string front_config(const config::AppSpec& app, std::string_view target,
                         std::string_view name_prefix) {
  const auto servers = [&](const config::ProcessSpec& process) -> std::vector<std::string> {
    const unsigned slots = std::max(10u, process.replicas * 2);
    return {fmt::format("server-template {0}- {1} {2}{0}:{3} resolvers names init-addr none",
                        process.name, slots, name_prefix, kContainerPort)};
  };
  return haproxy_config(
      app, {.bind = "*:8080",
            .preamble = {made_from(app, target),
                         "Replicas are found by their names and followed as they come and go."},
            .resolvers = {"nameserver docker 127.0.0.11:53", "resolve_retries 3",
                          "timeout resolve 500ms", "timeout retry 500ms", "hold valid 1s",
                          "hold nx 0s", "hold obsolete 0s"},
            .servers = servers});
}

}  // namespace fairlead::target
