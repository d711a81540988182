#include "supervise/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace fairlead::supervise {

Environment::Environment(const Surroundings& surroundings, EnvironmentSpec spec,
                         std::function<void()> on_change)
    : surroundings_(surroundings), spec_(std::move(spec)), on_change_(std::move(on_change)) {}

Command Environment::command(const std::string& name, std::string_view line,
                             const config::Variables& more) const {
  Variables variables = spec_.variables;
  variables["APP_VERSION"] = spec_.version;
  variables["FAIRLEAD_APP"] = spec_.app.name;
  variables["FAIRLEAD_ENVIRONMENT"] = spec_.app.environment;
  if (!spec_.release.empty()) variables["FAIRLEAD_RELEASE"] = spec_.release;
  for (const auto& [key, value] : more) variables[key] = value;
  Command command{.name = name, .argv = command_line(line), .directory = spec_.root};
  for (const auto& [key, value] : variables)
    command.environment.push_back(fmt::format("{}={}", key, value));
  return command;
}

ProcessSpec Environment::process_spec(const config::ProcessSpec& type) const {
  ProcessSpec spec;
  spec.command = command(type.name, type.command, type.env);
  spec.command.limits = {.memory = type.memory, .cpus = type.cpu_millis / 1000.0};
  spec.type = type.name;
  spec.release = spec_.release;
  spec.serves = serves(spec_.app, type);
  spec.health = type.health;
  spec.start_timeout = type.start_timeout;
  spec.stop_timeout = type.stop_timeout;
  return spec;
}

io::Task<Result<>> Environment::run_release_command(io::Deadline deadline) {
  return run_once("release", spec_.app.deploy.release_command, {}, deadline);
}

io::Task<Result<>> Environment::run_once(std::string what, std::string line, config::Variables more,
                                         io::Deadline deadline) {
  if (line.empty()) co_return Result<>();
  const std::string name = spec_.release.empty() ? what : what + "." + spec_.release;
  CO_TRY(auto output, Output::open(surroundings_.loop, surroundings_.folder / (name + ".log"),
                                   surroundings_.logs, name));
  // Nothing of what it changes is cached yet, or will be purged when it is live.
  Command once = command(name, line, more);
  std::erase_if(once.environment,
                [](const std::string& entry) { return entry.starts_with("PURGE_URL="); });
  auto run = Run::start(surroundings_, std::move(once), *output);
  if (!run) co_return fail(std::move(run).error().in(fmt::format("{} command '{}'", what, line)));
  const auto ended = co_await (*run)->exited().wait(deadline);
  if (!ended) co_await (*run)->stop(5s);
  last_lines_ = output->last_lines(50);
  if (!ended)
    co_return fail(Error(ended.error().code(),
                         fmt::format("{} command '{}' did not end in time", what, line)));
  if (!(*run)->status()->success())
    co_return fail(Code::kUnavailable,
                   fmt::format("{} command '{}': {}", what, line, (*run)->status()->to_string()));
  co_return Result<>();
}

namespace {

control::Balance balance_of(config::Balance balance) {
  switch (balance) {
    case config::Balance::kLeastRequests:
      return control::Balance::kLeastRequests;
    case config::Balance::kTwoChoices:
      return control::Balance::kTwoChoices;
    case config::Balance::kHash:
      return control::Balance::kHash;
    case config::Balance::kRoundRobin:
      break;
  }
  return control::Balance::kRoundRobin;
}

}  // namespace

control::Pool Environment::empty_pool(const config::ProcessSpec& type) const {
  control::Pool pool;
  pool.name = pool_name(type.name);
  pool.balance = balance_of(type.balance);
  pool.hash_by = type.hash_by;
  pool.sticky_cookie = type.sticky_cookie;
  pool.slow_start_ms = static_cast<std::uint64_t>(type.slow_start / 1ms);
  pool.max_requests = type.max_requests;
  pool.max_wait_ms = type.replicas == 0 ? 0 : static_cast<std::uint64_t>(type.max_wait / 1ms);
  pool.h2 = type.protocol == config::Protocol::kH2;
  if (!type.health.empty() || pool.h2) pool.health.path = type.health;
  return pool;
}

ReplicaSet& Environment::make_set(const config::ProcessSpec& type) {
  sets_.push_back(std::make_unique<ReplicaSet>(surroundings_, process_spec(type), empty_pool(type),
                                               on_change_));
  return *sets_.back();
}

Result<> Environment::start() {
  for (const auto& type : spec_.app.processes) TRY_VOID(grow(type.name, type.replicas));
  return {};
}

Result<> Environment::grow(std::string_view type, unsigned count) {
  const auto* process = spec_.app.process(type);
  if (!process) return fail(Code::kNotFound, fmt::format("no process type '{}'", type));
  auto* known = set(type);
  return (known ? *known : make_set(*process)).grow(count);
}

ReplicaSet* Environment::set(std::string_view type) {
  for (auto& set : sets_)
    if (set->type() == type) return set.get();
  return nullptr;
}

io::Task<Result<>> Environment::until_ready(io::Deadline deadline) {
  for (auto& set : sets_) CO_TRY_VOID(co_await set->until_ready(deadline));
  co_return Result<>();
}

namespace {

io::Task<void> stop_one(ReplicaSet& set) { co_await set.stop(); }

}  // namespace

io::Task<void> Environment::stop() {
  io::Gate gate(surroundings_.loop);
  for (auto& set : sets_) gate.spawn(stop_one(*set));
  static_cast<void>(co_await gate.drained(io::Deadline::never()));
}

std::string Environment::pool_name(std::string_view type) const {
  return fmt::format("{}/{}/{}", spec_.app.name, spec_.app.environment, type);
}

control::Pool Environment::pool(std::string_view type, unsigned most) const {
  for (const auto& set : sets_)
    if (set->type() == type) return set->pool(most);
  return empty_pool(*spec_.app.process(type));
}

std::vector<control::Pool> Environment::pools() const {
  std::vector<control::Pool> pools;
  for (const auto& type : spec_.app.processes)
    for (const auto& set : sets_)
      if (set->type() == type.name && serves(spec_.app, type)) pools.push_back(set->pool());
  return pools;
}

control::EnvironmentStatus Environment::status() const {
  control::EnvironmentStatus status;
  status.app = spec_.app.name;
  status.environment = spec_.app.environment;
  status.version = spec_.version;
  if (const auto url = spec_.variables.find("DATABASE_URL"); url != spec_.variables.end())
    status.store = without_password(url->second);
  for (const auto& set : sets_)
    std::ranges::move(set->statuses(), std::back_inserter(status.processes));
  return status;
}

std::vector<std::string> Environment::not_enforced() const {
  std::vector<std::string> sentences;
  for (const auto& type : spec_.app.processes)
    for (const auto& sentence : surroundings_.cgroups.not_enforced(
             {.memory = type.memory, .cpus = type.cpu_millis / 1000.0}))
      sentences.push_back(fmt::format("{}: {}", type.name, sentence));
  if (!namespaces_allowed())
    sentences.push_back("replicas have no namespaces of their own: only root may make them");
  return sentences;
}

const Process* Environment::failed() const {
  for (const auto& set : sets_)
    if (const auto* process = set->failed()) return process;
  return nullptr;
}

bool serves(const config::AppSpec& app, const config::ProcessSpec& type) {
  return type.name == "web" || !type.health.empty() ||
         std::ranges::any_of(app.routes,
                             [&](const auto& route) { return route.process == type.name; });
}

std::string search_path(const config::AppSpec& app, const std::filesystem::path& root,
                        std::string_view inherited) {
  std::vector<std::string> folders;
  const auto add = [&](const std::filesystem::path& folder) {
    if (std::ranges::find(folders, folder.string()) == folders.end()) folders.push_back(folder);
  };
  for (const auto& entry : app.build.include) {
    const auto path = (root / entry).lexically_normal();
    std::error_code ignored;
    if (std::filesystem::is_directory(path / "bin", ignored)) add(path / "bin");
    if (std::filesystem::is_directory(path, ignored))
      add(path);
    else if (::access(path.c_str(), X_OK) == 0)
      add(path.parent_path());
  }
  folders.emplace_back(inherited.empty() ? "/usr/local/bin:/usr/bin:/bin" : inherited);
  return fmt::format("{}", fmt::join(folders, ":"));
}

std::string without_password(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const auto authority = scheme + 3;
  const auto at = url.substr(0, url.find('/', authority)).rfind('@');
  if (at == std::string_view::npos || at < authority) return std::string(url);
  const auto colon = url.substr(0, at).find(':', authority);
  if (colon == std::string_view::npos) return std::string(url);
  return fmt::format("{}:***{}", url.substr(0, colon), url.substr(at));
}

}  // namespace fairlead::supervise
