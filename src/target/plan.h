// What every target asks about an app.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/app_spec.h"
#include "target/target.h"

namespace fairlead::target {

// Whether requests are for it: it is called "web", a route names it, or it has a health path.
bool serves(const config::AppSpec& app, const config::ProcessSpec& process);

// [env] and the process's own, and what Fairlead tells each process of the release; neither secrets
// nor addresses of services nor PORT. `process` is null for the release command.
config::Variables variables_of(const config::AppSpec& app, const config::ProcessSpec* process);

// The same for containers: which version it is, the image itself says (APP_VERSION), with the
// build.
config::Variables container_variables(const config::AppSpec& app,
                                      const config::ProcessSpec* process);

// The routes in the order in which the first match is the right one: named hosts, then wildcards,
// then every host; longer paths first.
std::vector<config::RouteSpec> by_precedence(const config::AppSpec& app);

// Where on one machine a replica listens, for targets without addresses of their own: each process
// type has 500 ports. `replica` counts from 1.
unsigned port_of(const config::AppSpec& app, const config::ProcessSpec& process, unsigned replica);

// The app in all environments that are asked for, by name.
std::vector<const config::AppSpec*> environments_of(const config::AppSpec& app,
                                                    const RenderOptions& options);

std::string image_of(const config::AppSpec& app, const RenderOptions& options);

// The folders of the artifact that can hold programs, relative to its root: entries of `include`,
// which may be folders, and those they are in. "" is the root.
std::vector<std::string> program_folders(const config::AppSpec& app);

// Seconds, rounded up.
std::uint64_t seconds(Duration duration);

// The service of that type, or null.
const config::ServiceSpec* service_of(const config::AppSpec& app, config::ServiceType type);

// For how many days (1 to 35) managed backups are kept, so that nothing is lost against what
// fairlead.toml asks for; 7 where it asks for none, or `service` is null.
unsigned backup_days(const config::ServiceSpec* service);

// "visitors", as a PostgreSQL role and database: hyphens become underscores.
std::string database_name(const config::AppSpec& app);

// A line for the top of each file: what made it, from what.
std::string made_from(const config::AppSpec& app, std::string_view target);

// Eight hexadecimal digits that change with the text.
std::string short_hash(std::string_view text);

}  // namespace fairlead::target
