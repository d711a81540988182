// What Compose and Swarm have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/app_spec.h"
#include "target/target.h"
#include "target/yaml.h"

namespace fairlead::target {

// Every replica has an address of its own there, and listens on the same port.
inline constexpr unsigned kContainerPort = 8080;
// For how long a replica that is told to stop goes on serving (FAIRLEAD_DRAIN): until every edge
// has noticed that its name no longer leads there.
inline constexpr unsigned kDrainSeconds = 3;

inline constexpr std::string_view kPostgresImage = "docker.io/library/postgres:15";
inline constexpr std::string_view kRedisImage = "docker.io/library/redis:7";
inline constexpr std::string_view kAdminerImage = "docker.io/library/adminer:4";
inline constexpr std::string_view kDatabasePassword = "POSTGRES_PASSWORD";

// kInvalid, with file and line, where a process type or service has a name that is taken there: by
// another of them, or by one of `reserved`, which the target adds itself.
Result<> check_names(const config::AppSpec& app, std::vector<std::string_view> reserved);

// Text in a compose file, where '$' would begin a variable.
std::string compose_text(std::string_view text);

struct ContainerInput {
  const config::AppSpec& app;
  const RenderOptions& options;
  std::string password;  // how the password of the database stands in its URL
};

// What a container of the app runs, with what variables, on which networks; `process` is null for
// the release command.
void write_program(const ContainerInput& in, Yaml& out, std::string_view command,
                   const config::ProcessSpec* process);
// A backing service, but for its password; its volume is its name.
void write_backing(const ContainerInput& in, Yaml& out, const config::ServiceSpec& service);
// The edge in front, but for how it gets at edge.json and its port.
void write_edge(const ContainerInput& in, Yaml& out);
// A database console, but for its port.
void write_console(const ContainerInput& in, Yaml& out);

// {"CMD", …}: what tells that a backing service is ready.
std::vector<std::string> backing_probe(const config::AppSpec& app,
                                       const config::ServiceSpec& service);

}  // namespace fairlead::target
