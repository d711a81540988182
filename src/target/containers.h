// What Compose and Swarm have in common.
#pragma once

#include <string>
#include <string_view>

#include "config/app_spec.h"
#include "target/target.h"
#include "target/yaml.h"

namespace fairlead::target {

// Every replica has an address of its own there, and listens on the same port.
inline constexpr unsigned kContainerPort = 8080;

inline constexpr std::string_view kHaproxyImage = "docker.io/library/haproxy:2.6";
inline constexpr std::string_view kPostgresImage = "docker.io/library/postgres:15";
inline constexpr std::string_view kRedisImage = "docker.io/library/redis:7";
inline constexpr std::string_view kAdminerImage = "docker.io/library/adminer:4";

// kInvalid, with file and line, where a process type or service has a name that is taken there: by
// another of them, or by one of `reserved`, which the target adds itself.
Result<> check_names(const config::AppSpec& app, std::vector<std::string_view> reserved);

// Text in a compose file, where '$' would begin a variable.
std::string compose_text(std::string_view text);

// The words of a command, each as compose_text.
Yaml compose_command(std::string_view command);

// variables_of, PORT and HOST for a process that serves; `process` null for the release command.
Yaml container_environment(const config::AppSpec& app, const config::ProcessSpec* process);

// The configuration of the HAProxy in front; a process type is found as `name_prefix` and its name.
std::string front_config(const config::AppSpec& app, std::string_view target,
                         std::string_view name_prefix);

}  // namespace fairlead::target
