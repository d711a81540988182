#include "cli/fleet.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"
#include "cli/app_setup.h"
#include "cli/guard_setup.h"
#include "cli/tls_setup.h"
#include "config/load.h"
#include "ship/secrets.h"
#include "supervise/record.h"

namespace fairlead::cli {

namespace fs = std::filesystem;
using ship::Group;

namespace {

constexpr Duration kLeftoversGrace = 5s;
constexpr Duration kServiceStart = std::chrono::minutes(2);

// "web.2.v3" is replica 2 of type web of release 3; nothing for other names.
struct ReplicaName {
  std::string type;
  unsigned number = 0;
  unsigned release = 0;
};
std::optional<ReplicaName> parse_name(std::string_view name) {
  const auto parts = split(name, '.');
  if (parts.size() != 3 || !parts[2].starts_with('v')) return std::nullopt;
  const auto number = parse_unsigned(parts[1]);
  const auto release = parse_unsigned(parts[2].substr(1));
  if (!number || !release) return std::nullopt;
  return ReplicaName{.type = std::string(parts[0]),
                     .number = static_cast<unsigned>(*number),
                     .release = static_cast<unsigned>(*release)};
}

// ".scale" and ".mode" are kept of an environment.
fs::path kept_file(const StateFolders& folders, const control::EnvironmentName& name,
                   const char* what) {
  return folders.state / "environments" / name.app / (name.environment + what);
}

constexpr std::array<std::string_view, 4> kModes = {"serving", "paused", "maintenance", "stopped"};

Mode read_mode(const fs::path& file) {
  const std::string content = read_file(file).value_or("");
  const auto found = std::ranges::find(kModes, trim(content.substr(0, content.find('\n'))));
  return found == kModes.end() ? Mode::kServing : static_cast<Mode>(found - kModes.begin());
}

// "web 5" a line.
std::map<std::string, unsigned> read_scale(const fs::path& file) {
  std::map<std::string, unsigned> scale;
  const std::string content = read_file(file).value_or("");
  for (const auto line : split(content, '\n')) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    if (const auto count = parse_unsigned(line.substr(space + 1)))
      scale[std::string(line.substr(0, space))] = static_cast<unsigned>(*count);
  }
  return scale;
}

}  // namespace

std::string_view to_string(Mode mode) { return kModes[static_cast<std::size_t>(mode)]; }

fs::path secrets_folder(const StateFolders& folders, const std::string& app) {
  return folders.state / "secrets" / app;
}

Fleet::Fleet(Harbour& harbour, control::EnvironmentName name)
    : harbour_(harbour),
      name_(std::move(name)),
      logs_(harbour.logs, {.app = name_.app, .environment = name_.environment, .source = "app"}),
      cgroups_(supervise::CgroupTree::find(
          fmt::format("{}-{}-{}", harbour.folders.instance, name_.app, name_.environment))),
      surroundings_{.loop = harbour.loop,
                    .folder = harbour.folders.runtime / short_name(name_.to_string()),
                    .logs = logs_,
                    .cgroups = cgroups_,
                    .adopt = true},
      // Not below the replicas' folder: what is left half done there is ended at a start.
      services_(surroundings_,
                harbour.folders.runtime / short_name(name_.to_string() + "/services"),
                harbour.folders.state / "services" / name_.app / name_.environment, name_.app),
      scale_(read_scale(kept_file(harbour.folders, name_, ".scale"))),
      mode_(read_mode(kept_file(harbour.folders, name_, ".mode"))) {}

io::Task<void> Fleet::clean_up() {
  static_cast<void>(make_directories(surroundings_.folder, 0700));
  static_cast<void>(co_await supervise::end_leftovers_among(
      harbour_.loop, surroundings_.folder, harbour_.marked,
      [](const supervise::Record& record) { return parse_name(record.name).has_value(); },
      io::Deadline::in(kLeftoversGrace)));
}

supervise::Environment* Fleet::find(unsigned release) const {
  const auto found = releases_.find(release);
  return found == releases_.end() ? nullptr : found->second.get();
}

const supervise::Environment* Fleet::environment(unsigned release) const { return find(release); }

Result<supervise::EnvironmentSpec> Fleet::spec_of(const control::Release& release,
                                                  fs::path root) const {
  auto loaded = config::load_text(release.config, "fairlead.toml");
  if (!loaded.app) return fail(Code::kInvalid, config::to_text(loaded.diagnostics));
  supervise::EnvironmentSpec spec;
  TRY(spec.app, loaded.app->resolve(name_.environment));
  const fs::path data = harbour_.folders.state / "data" / name_.app;
  TRY_VOID(make_directories(data, 0700));

  auto& variables = spec.variables;
  variables = {{"HOME", data}, {"LANG", "C.UTF-8"}};
  for (const auto& [key, value] : spec.app.env) variables[key] = value;
  TRY(const auto secrets,
      ship::Secrets::open(secrets_folder(harbour_.folders, name_.app), name_.environment));
  TRY(const auto values, secrets.values(release.secrets));
  for (const auto& [key, value] : values) variables[key] = value;
  for (const auto& [key, value] : services_.variables()) variables.emplace(key, value);
  if (spec.app.services.empty())
    variables.emplace("DATABASE_URL",
                      fmt::format("sqlite://{}/{}.db", data.string(), name_.environment));
  if (harbour_.http.port() != 0) {
    TRY(const auto token, purge_token(harbour_.folders.state, name_.to_string()));
    variables.emplace("PURGE_URL", purge_url(harbour_.http.to_string(), token));
  }
  variables["PATH"] = supervise::search_path(spec.app, root, variables["PATH"]);
  spec.root = std::move(root);
  spec.version = release.version;
  spec.release = release.name();
  return spec;
}

// Whatever the app writes of its secrets stops here.
Result<> Fleet::hide_secrets(const control::Release& release) {
  TRY(const auto secrets,
      ship::Secrets::open(secrets_folder(harbour_.folders, name_.app), name_.environment));
  TRY(const auto values, secrets.values(release.secrets));
  std::vector<std::string> texts;
  for (const auto& [key, value] : values) texts.push_back(value);
  logs_.hide(std::move(texts));
  return {};
}

io::Task<Result<>> Fleet::prepare(control::Release release) {
  if (find(release.number)) co_return Result<>();
  CO_TRY_VOID(make_directories(surroundings_.folder, 0700));
  auto unpack = [this, digest = release.artifact]() -> Result<fs::path> {
    TRY_VOID(harbour_.artifacts.find(digest));  // says so where it was cleaned up
    return harbour_.artifacts.unpacked(digest);
  };
  CO_TRY(auto root, co_await harbour_.worker.run(harbour_.loop, std::move(unpack)));
  CO_TRY(auto spec, spec_of(release, root));
  CO_TRY_VOID(hide_secrets(release));
  // Named by no variable, they are run here; then their addresses are known.
  const auto services = supervise::missing_services(spec.app, spec.variables);
  if (!services.empty()) {
    CO_TRY_VOID(co_await services_.ensure(services, io::Deadline::in(kServiceStart)));
    CO_TRY(spec, spec_of(release, std::move(root)));
  }
  releases_[release.number] = std::make_unique<supervise::Environment>(
      surroundings_, std::move(spec), [this] { harbour_.edge->changed(); });
  co_return Result<>();
}

namespace {

// With what the command wrote, for the evidence.
Result<> with_lines(Result<> done, const supervise::Environment& environment) {
  if (done || environment.last_lines().empty()) return done;
  return fail(
      Error(done.error().code(), fmt::format("{}\n    {}", done.error().message(),
                                             fmt::join(environment.last_lines(), "\n    "))));
}

}  // namespace

io::Task<Result<>> Fleet::run_release_command(unsigned release, io::Deadline deadline) {
  auto* environment = find(release);
  auto done = co_await environment->run_release_command(deadline);
  co_return with_lines(std::move(done), *environment);
}

io::Task<Result<std::string>> Fleet::schema(unsigned release, io::Deadline deadline) {
  auto* environment = find(release);
  const auto& line = environment->spec().app.deploy.schema_command;
  if (line.empty()) co_return std::string();
  auto done = co_await environment->run_once("schema", line, {}, deadline);
  CO_TRY_VOID(with_lines(std::move(done), *environment));
  const auto& lines = environment->last_lines();
  if (lines.empty() || trim(lines.back()).empty())
    co_return fail(Code::kInvalid, fmt::format("schema command '{}' printed nothing", line));
  co_return std::string(trim(lines.back()));
}

io::Task<Result<>> Fleet::migrate_down(unsigned release, std::string wanted,
                                       io::Deadline deadline) {
  auto* environment = find(release);
  auto done = co_await environment->run_once("down", environment->spec().app.deploy.down_command,
                                             {{"FAIRLEAD_SCHEMA", wanted}}, deadline);
  CO_TRY_VOID(with_lines(std::move(done), *environment));
  CO_TRY(const auto reached, co_await schema(release, deadline));
  if (reached == wanted) co_return Result<>();
  co_return fail(Code::kInvalid,
                 fmt::format("the down command left schema {}, not {}", reached, wanted));
}

std::vector<Group> Fleet::wanted(unsigned release) const {
  std::vector<Group> groups;
  if (const auto* environment = find(release))
    for (const auto& type : environment->spec().app.processes) {
      const auto scaled = scale_.find(type.name);
      const unsigned count = scaled == scale_.end() ? type.replicas : scaled->second;
      groups.push_back({release, type.name, mode_ == Mode::kStopped ? 0 : count});
    }
  return groups;
}

io::Task<Result<>> Fleet::start(Group group, io::Deadline deadline) {
  auto* environment = find(group.release);
  if (!environment) co_return fail(Code::kNotFound, "the release is not prepared");
  CO_TRY_VOID(environment->grow(group.type, group.count));
  co_return co_await environment->set(group.type)->until_ready(deadline);
}

// The releases that take requests, as the edge's origins name them.
std::set<std::string> Fleet::routed_releases() const {
  std::set<std::string> releases;
  if (routed_once_) {
    for (const auto& group : routed_)
      if (group.count > 0) releases.insert(fmt::format("v{}", group.release));
  } else if (harbour_.before) {
    for (const auto& pool : harbour_.before->pools)
      if (pool.name.starts_with(pool_prefix()))
        for (const auto& origin : pool.origins) releases.insert(origin.release);
  }
  return releases;
}

io::Task<Result<>> Fleet::route(std::vector<Group> groups, io::Deadline deadline) {
  const auto before = routed_releases();
  routed_ = std::move(groups);
  routed_once_ = true;
  harbour_.edge->changed();
  CO_TRY_VOID(co_await harbour_.edge->up_to_date(deadline));
  // Once no other release answers any more: what a former one said may be cached until then.
  const auto after = routed_releases();
  if (after.size() == 1 && !before.empty() && before != after)
    CO_TRY_VOID(co_await harbour_.edge->purge(name_.to_string(), deadline));
  co_return Result<>();
}

io::Task<void> Fleet::idle(std::string origin, io::Deadline deadline) const {
  // In time or not: it is stopped all the same.
  static_cast<void>(co_await harbour_.edge->origin_idle(std::move(origin), deadline));
}

io::Task<Result<>> Fleet::shrink(Group group, io::Deadline deadline) {
  auto* environment = find(group.release);
  if (!environment) co_return co_await shrink_strangers(group.release, deadline);
  if (auto* set = environment->set(group.type))
    co_await set->shrink(group.count, [this, deadline](std::string origin) {
      return idle(std::move(origin), deadline);
    });
  bool anything = false;
  for (const auto& type : environment->spec().app.processes)
    if (auto* set = environment->set(type.name)) anything |= set->count() > 0;
  const bool routed = std::ranges::any_of(
      routed_, [&](const Group& each) { return each.release == group.release; });
  if (!anything && !routed) releases_.erase(group.release);
  co_return deadline.passed() ? fail(Code::kTimeout, "requests were still in flight") : Result<>();
}

// Replicas of a release that this control knows nothing of but their records.
io::Task<Result<>> Fleet::shrink_strangers(unsigned release, io::Deadline deadline) {
  const auto is_of_it = [release](const supervise::Record& record) {
    const auto name = parse_name(record.name);
    return name && name->release == release;
  };
  for (const auto& record : supervise::read_records(surroundings_.folder))
    if (is_of_it(record)) co_await idle(pool_prefix() + record.name, deadline);
  static_cast<void>(co_await supervise::end_leftovers_but(
      harbour_.loop, surroundings_.folder,
      [is_of_it](const supervise::Record& record) { return !is_of_it(record); },
      io::Deadline::in(kLeftoversGrace)));
  co_return Result<>();
}

std::vector<Group> Fleet::running() const {
  std::map<std::pair<unsigned, std::string>, unsigned> counts;
  for (const auto& [number, environment] : releases_)
    for (const auto& type : environment->spec().app.processes)
      if (auto* set = environment->set(type.name); set && set->count() > 0)
        counts[{number, type.name}] = set->count();
  for (const auto& record : supervise::read_records(surroundings_.folder))
    if (const auto name = parse_name(record.name); name && !find(name->release))
      ++counts[{name->release, name->type}];
  std::vector<Group> groups;
  for (const auto& [key, count] : counts) groups.push_back({key.first, key.second, count});
  return groups;
}

io::Task<Result<control::Traffic>> Fleet::traffic(unsigned release, io::Deadline deadline) {
  CO_TRY(const auto counters, co_await harbour_.edge->counters(deadline));
  auto& meter = harbour_.meter;
  CO_TRY_VOID(meter.take(counters));
  if (release != 0) co_return meter.total(pool_prefix(), fmt::format("v{}", release));
  // Counts from the beginning, so that two of them can be told apart; times of the last period.
  auto traffic = meter.total(pool_prefix(), "");
  const auto period = meter.since_mark(pool_prefix());
  traffic.p50 = period.p50;
  traffic.p99 = period.p99;
  meter.mark(pool_prefix());
  co_return traffic;
}

std::optional<control::Failure> Fleet::evidence(unsigned release) const {
  const auto* environment = find(release);
  const auto* process = environment ? environment->failed() : nullptr;
  return process ? process->failure() : std::nullopt;
}

Result<> Fleet::scale(const std::map<std::string, unsigned>& replicas) {
  auto scale = scale_;
  for (const auto& [type, count] : replicas) scale[type] = count;
  std::string content;
  for (const auto& [type, count] : scale) content += fmt::format("{} {}\n", type, count);
  const fs::path file = kept_file(harbour_.folders, name_, ".scale");
  TRY_VOID(make_directories(file.parent_path(), 0700));
  TRY_VOID(write_file_atomically(file, content, 0600));
  scale_ = std::move(scale);
  return {};
}

Result<> Fleet::set_mode(Mode mode) {
  const fs::path file = kept_file(harbour_.folders, name_, ".mode");
  TRY_VOID(make_directories(file.parent_path(), 0700));
  TRY_VOID(write_file_atomically(file, fmt::format("{}\n", to_string(mode)), 0600));
  mode_ = mode;
  return {};
}

control::Surround Fleet::surround(unsigned release) const {
  const auto* environment = find(release);
  if (!environment) return {};
  return {.folder = environment->spec().root,
          .environment = environment->one_off("exec", "").environment};
}

void Fleet::add_as_before(control::Snapshot& snapshot) const {
  if (!harbour_.before) return;
  for (const auto& pool : harbour_.before->pools)
    if (pool.name.starts_with(pool_prefix())) snapshot.pools.push_back(pool);
  for (const auto& route : harbour_.before->routes)
    if (route.pool.starts_with(pool_prefix())) snapshot.routes.push_back(route);
  for (const auto& token : harbour_.before->purge_tokens)
    if (token.environment == name_.to_string()) snapshot.purge_tokens.push_back(token);
  // One guard for all: its list may name somebody twice.
  const control::Guard& guard = harbour_.before->guard;
  std::ranges::copy(guard.allow, std::back_inserter(snapshot.guard.allow));
  snapshot.guard.client_connections =
      std::max(snapshot.guard.client_connections, guard.client_connections);
  if (guard.broken.count != 0) snapshot.guard.broken = guard.broken;
}

// Routes change with the last replica, not with the first: all that the new ones need is ready only
// then. Where nothing runs, they say so.
const supervise::Environment* Fleet::leading() const {
  const supervise::Environment* leading = nullptr;
  for (const auto& group : routed_)
    if (const auto* environment = find(group.release);
        environment && (group.count > 0 || mode_ == Mode::kStopped))
      leading = environment;
  return leading;
}

void Fleet::add_to(control::Snapshot& snapshot) const {
  if (!routed_once_) return add_as_before(snapshot);
  std::map<std::string, control::Pool> pools;
  for (const auto& group : routed_) {
    auto* environment = find(group.release);
    if (!environment) continue;
    const auto* type = environment->spec().app.process(group.type);
    if (!supervise::serves(environment->spec().app, *type)) continue;
    auto pool = environment->pool(group.type, group.count);
    for (auto& origin : pool.origins) origin.weight = group.weight;
    auto& whole = pools[group.type];
    if (whole.name.empty()) {
      whole = std::move(pool);
    } else {
      std::ranges::move(pool.origins, std::back_inserter(whole.origins));
    }
  }
  const auto* leader = leading();
  if (!leader) return;
  add_guard(snapshot, leader->spec().app.guard);
  std::ranges::move(own_certificates(leader->spec().app, leader->spec().root),
                    std::back_inserter(snapshot.certificates));
  if (auto token = purge_token(harbour_.folders.state, name_.to_string()))
    snapshot.purge_tokens.push_back({name_.to_string(), *std::move(token)});
  for (auto& route : routes_of(*leader, false)) {
    const auto type = route.pool.substr(route.pool.rfind('/') + 1);
    if (!route.pool.empty() && !pools.contains(type)) continue;
    route.closed = mode_ == Mode::kMaintenance || mode_ == Mode::kStopped;
    snapshot.routes.push_back(std::move(route));
  }
  for (auto& [type, pool] : pools) {
    pool.held = mode_ == Mode::kPaused;
    snapshot.pools.push_back(std::move(pool));
  }
}

const supervise::EnvironmentSpec* Fleet::newest() const {
  return releases_.empty() ? nullptr : &releases_.rbegin()->second->spec();
}

std::vector<std::string> Fleet::notes() const {
  if (releases_.empty()) return {};
  return releases_.rbegin()->second->not_enforced();
}

control::EnvironmentStatus Fleet::status() const {
  control::EnvironmentStatus status{.app = name_.app, .environment = name_.environment};
  for (const auto& [number, environment] : releases_) {
    auto part = environment->status();
    status.version = part.version;
    status.store = part.store;
    status.mode = to_string(mode_);
    std::ranges::move(part.processes, std::back_inserter(status.processes));
  }
  std::ranges::move(services_.statuses(), std::back_inserter(status.processes));
  return status;
}

}  // namespace fairlead::cli
