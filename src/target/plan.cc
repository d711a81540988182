#include "target/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace fairlead::target {

using config::AppSpec;
using config::ProcessSpec;
using config::RouteSpec;

namespace {

constexpr unsigned kFirstPort = 20'000;
constexpr unsigned kPortsEach = 500;

void set(config::Variables& variables, const std::string& name, const std::string& value) {
  const auto same = std::ranges::find(variables, name, &config::Variables::value_type::first);
  if (same == variables.end())
    variables.emplace_back(name, value);
  else
    same->second = value;
}

int generality(const RouteSpec& route) {
  return route.host.empty() ? 2 : route.host.starts_with("*.") ? 1 : 0;
}

}  // namespace

bool serves(const AppSpec& app, const ProcessSpec& process) {
  return process.name == "web" || !process.health.empty() ||
         std::ranges::count(app.routes, process.name, &RouteSpec::process) > 0;
}

config::Variables variables_of(const AppSpec& app, const ProcessSpec* process) {
  config::Variables variables = app.env;
  if (process)
    for (const auto& [name, value] : process->env) set(variables, name, value);
  set(variables, "APP_VERSION", app.version);
  set(variables, "FAIRLEAD_APP", app.name);
  set(variables, "FAIRLEAD_ENVIRONMENT", app.environment);
  return variables;
}

config::Variables container_variables(const AppSpec& app, const ProcessSpec* process) {
  auto variables = variables_of(app, process);
  std::erase_if(variables, [](const auto& variable) { return variable.first == "APP_VERSION"; });
  return variables;
}

std::vector<RouteSpec> by_precedence(const AppSpec& app) {
  auto routes = app.routes;
  std::ranges::sort(routes, [](const RouteSpec& a, const RouteSpec& b) {
    return std::tuple(generality(a), a.host, b.path.size(), a.path) <
           std::tuple(generality(b), b.host, a.path.size(), b.path);
  });
  return routes;
}

unsigned port_of(const AppSpec& app, const ProcessSpec& process, unsigned replica) {
  const auto index = static_cast<unsigned>(&process - app.processes.data());
  return kFirstPort + index * kPortsEach + replica;
}

std::vector<const AppSpec*> environments_of(const AppSpec& app, const RenderOptions& options) {
  std::vector<const AppSpec*> all = {&app};
  for (const auto& other : options.environments)
    if (other.environment != app.environment) all.push_back(&other);
  std::ranges::sort(all, {}, &AppSpec::environment);
  return all;
}

std::string image_of(const AppSpec& app, const RenderOptions& options) {
  return options.image.empty() ? fmt::format("{}:{}", app.name, app.version) : options.image;
}

std::vector<std::string> program_folders(const AppSpec& app) {
  std::vector<std::string> folders;
  const auto add = [&](std::string folder) {
    if (folder == ".") folder.clear();
    if (std::ranges::find(folders, folder) == folders.end()) folders.push_back(std::move(folder));
  };
  for (const auto& entry : app.build.include) {
    auto path = std::filesystem::path(entry).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();  // "bin/"
    add(path.parent_path().string());
    add(path.string());
  }
  if (folders.empty()) folders.emplace_back();
  return folders;
}

std::uint64_t seconds(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(duration).count());
}

const config::ServiceSpec* service_of(const AppSpec& app, config::ServiceType type) {
  const auto found = std::ranges::find(app.services, type, &config::ServiceSpec::type);
  return found == app.services.end() ? nullptr : &*found;
}

unsigned backup_days(const config::ServiceSpec* service) {
  if (!service || service->backup.every <= 0s) return 7;
  const auto days =
      std::chrono::ceil<std::chrono::days>(service->backup.every * service->backup.keep).count();
  return static_cast<unsigned>(std::clamp<std::int64_t>(days, 1, 35));
}

std::string database_name(const AppSpec& app) {
  auto name = app.name;
  std::ranges::replace(name, '-', '_');
  return name;
}

std::string made_from(const AppSpec& app, std::string_view target) {
  return fmt::format("{} {}, environment {}: made by 'fairlead render {}' from {}", app.name,
                     app.version, app.environment, target, app.file.filename().string());
}

std::string short_hash(std::string_view text) {
  std::uint32_t hash = 2'166'136'261;  // FNV-1a: it names a version, it guards nothing
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
  return fmt::format("{:08x}", hash);
}

}  // namespace fairlead::target
