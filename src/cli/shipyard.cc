#include "cli/shipyard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/fault.h"
#include "base/file.h"
#include "base/strings.h"
#include "cli/app_setup.h"
#include "config/compare.h"
#include "config/load.h"
#include "ship/builder.h"
#include "ship/secrets.h"

namespace fairlead::cli {

namespace fs = std::filesystem;
using control::Build;
using control::Release;

namespace {

constexpr Duration kBuildTime = std::chrono::minutes(60);
constexpr Duration kListTime = 60s;
constexpr unsigned kSpareReleases = 10;  // of each environment, to roll back to
constexpr unsigned kSpareBuilds = 5;     // of each app, released or not
constexpr std::uint64_t kArtifactsQuota = 10ull << 30;

// A build may take three quarters of the machine: what serves goes before what is being made.
supervise::Limits build_limits() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {.memory = pages * page / 4 * 3, .cpus = std::thread::hardware_concurrency() * 0.75};
}

}  // namespace

Shipyard::Shipyard(Harbour& harbour, ship::Ledger& ledger)
    : harbour_(harbour),
      ledger_(ledger),
      cgroups_(supervise::CgroupTree::find(harbour.folders.instance + "-builds")) {}

Result<Shipyard::App> Shipyard::load(const control::Order& order) const {
  const fs::path file = fs::is_directory(order.folder) ? fs::path(order.folder) / "fairlead.toml"
                                                       : fs::path(order.folder);
  auto loaded = config::load(order.folder);
  if (!loaded.app)
    return fail(Error(Code::kInvalid, config::to_text(loaded.diagnostics))
                    .hint(fmt::format("fairlead check {}", order.folder)));
  App app;
  TRY(app.spec, loaded.app->resolve(order.environment.environment));
  app.text = read_file(file).value_or(fmt::format("name = \"{}\"\n", app.spec.name));
  // A release is complete without the folder it came from, so what a Procfile says goes into it.
  for (const auto& type : app.spec.processes) {
    const auto own = config::load_text(app.text, "fairlead.toml");
    const bool known =
        own.app && own.app->resolve(order.environment.environment)->process(type.name) != nullptr;
    if (known) continue;
    std::string command;
    for (const char c : type.command) {
      if (c == '"' || c == '\\') command.push_back('\\');
      command.push_back(c);
    }
    app.text += fmt::format("\n[processes.{}]\ncommand = \"{}\"\n", type.name, command);
  }
  return app;
}

Result<control::EnvironmentName> Shipyard::environment_of(const control::Order& order) const {
  TRY(const App app, load(order));
  return control::EnvironmentName{app.spec.name, order.environment.environment};
}

Result<> Shipyard::check(const control::Order& order) const {
  TRY(const App app, load(order));
  TRY_VOID(pin_secrets(app.spec));
  return {};
}

io::Task<Result<std::vector<std::string>>> Shipyard::plan(control::Order order) {
  CO_TRY(const App app, load(order));
  CO_TRY(const auto pins, pin_secrets(app.spec));
  const control::EnvironmentName name{app.spec.name, order.environment.environment};
  CO_TRY(const auto live, co_await ledger_.live(name));
  if (!live)
    co_return std::vector{fmt::format("{} would be deployed for the first time", name.to_string())};
  const auto before = config::load_text(live->config, "fairlead.toml");
  if (!before.app) co_return std::vector<std::string>{"the live configuration cannot be read"};
  CO_TRY(const auto spec, before.app->resolve(order.environment.environment));
  auto changes = config::differences(spec, app.spec);
  for (const auto& [secret, version] : pins) {
    const auto pinned = live->secrets.find(secret);
    if (pinned == live->secrets.end() || pinned->second != version)
      changes.push_back(fmt::format("secret {}: version {}", secret, version));
  }
  CO_TRY(const auto builds, co_await ledger_.builds(name.app, 1000));
  const auto built = std::ranges::find(builds, live->artifact, &Build::artifact);
  CO_TRY(const auto source,
         co_await ship::list_source(harbour_.loop, root_of(app.spec), io::Deadline::in(kListTime)));
  auto digest = [&] { return ship::digest_of_source(root_of(app.spec), source); };
  CO_TRY(const auto now, co_await harbour_.worker.run(harbour_.loop, digest));
  if (built == builds.end() || built->source != now)
    changes.push_back(fmt::format("source: not that of {}", live->version));
  if (!changes.empty() && !app.spec.deploy.release_command.empty())
    changes.push_back(fmt::format("the release command runs: {}", app.spec.deploy.release_command));
  co_return changes;
}

io::Task<Result<Build>> Shipyard::build(control::Order order, control::Emit emit) {
  CO_TRY(const App app, load(order));
  co_return order.artifact.empty() ? co_await run_build(app, emit)
                                   : co_await find(app, order.artifact);
}

io::Task<Result<Release>> Shipyard::make_release(control::Order order, Build build) {
  CO_TRY(const App app, load(order));
  Release release;
  release.environment = {app.spec.name, order.environment.environment};
  release.artifact = build.artifact;
  release.version = build.version;
  release.config = app.text;
  CO_TRY(release.secrets, pin_secrets(app.spec));
  release.at = wall_now();
  release.by = order.by;
  fault_point("before the release is kept");
  auto added = co_await ledger_.add_release(std::move(release));
  fault_point("after the release is kept");
  co_return added;
}

Result<std::map<std::string, unsigned>> Shipyard::pin_secrets(const config::AppSpec& spec) const {
  TRY(const auto secrets,
      ship::Secrets::open(secrets_folder(harbour_.folders, spec.name), spec.environment));
  const auto current = secrets.current();
  std::map<std::string, unsigned> pins;
  for (const auto& name : spec.secrets.names) {
    const auto found = current.find(name);
    if (found == current.end())
      return fail(Error(Code::kInvalid, fmt::format("the secret {} is not set for {}/{}", name,
                                                    spec.name, spec.environment))
                      .hint(fmt::format("fairlead secrets set --app {} -e {} {}", spec.name,
                                        spec.environment, name)));
    pins[name] = found->second;
  }
  return pins;
}

io::Task<Result<Build>> Shipyard::run_build(const App& app, const control::Emit& emit) {
  const auto& spec = app.spec;
  if (!building_.insert(spec.name).second)
    co_return fail(Error(Code::kExists, fmt::format("{} is being built already", spec.name))
                       .hint("wait for it"));
  ++builds_begun_;
  struct Done {
    std::set<std::string>& building;
    std::string name;
    ~Done() { building.erase(name); }
  } const done{building_, spec.name};

  CO_TRY(const unsigned number, co_await ledger_.next_build_number(spec.name));
  const fs::path folder = harbour_.folders.state / "builds" / spec.name;
  const fs::path logs = harbour_.folders.logs() / spec.name / "builds";
  CO_TRY_VOID(make_directories(folder, 0700));
  CO_TRY_VOID(make_directories(logs, 0700));
  CO_TRY(supervise::Cgroup cgroup, cgroups_.make(spec.name, build_limits()));

  const char* path = std::getenv("PATH");
  const char* home = std::getenv("HOME");
  ship::BuildRequest request;
  request.source = root_of(spec);
  request.copy = folder / "copy";
  request.log = logs / fmt::format("{}.log", number);
  request.command = spec.build.command;
  request.environment = {fmt::format("PATH={}", path ? path : "/usr/local/bin:/usr/bin:/bin"),
                         fmt::format("HOME={}", home ? home : folder.c_str()), "LANG=C.UTF-8"};
  request.cgroup_procs = cgroup.procs_files();
  fault_point("before the build");
  auto built = co_await ship::build(
      harbour_.loop, harbour_.worker, request,
      [&](std::string_view line) { emit(control::event_log(line)); }, io::Deadline::in(kBuildTime));
  cgroup.kill();
  static_cast<void>(cgroup.remove());
  fault_point("after the build");
  if (!built) co_return fail(std::move(built).error().in(fmt::format("build {}", number)));

  ship::PackRequest pack{
      .app = spec.name,
      .root = request.copy,
      .include = spec.build.include.empty() ? built->source.files : spec.build.include,
      .command = {}};
  if (const auto* web = spec.process("web")) pack.command = supervise::command_line(web->command);
  auto add = [this, &pack] { return harbour_.artifacts.add(pack); };
  CO_TRY(const auto artifact, co_await harbour_.worker.run(harbour_.loop, add));
  fault_point("after the artifact is kept");
  auto digest = [&] { return ship::digest_of_source(request.source, built->source); };
  CO_TRY(auto source, co_await harbour_.worker.run(harbour_.loop, digest));
  Build build{.app = spec.name,
              .number = number,
              .artifact = artifact.digest,
              .bytes = artifact.bytes,
              .version = fmt::format("{}+build.{}", spec.version, number),
              .source = std::move(source),
              .commit = built->source.commit,
              .changed = built->source.changed,
              .at = wall_now(),
              .duration = built->duration};
  CO_TRY_VOID(co_await ledger_.add_build(build));
  co_return build;
}

io::Task<Result<Build>> Shipyard::find(const App& app, std::string digest) {
  auto look = [this, &digest] { return harbour_.artifacts.find(digest); };
  CO_TRY(const auto artifact, co_await harbour_.worker.run(harbour_.loop, look));
  CO_TRY(const auto builds, co_await ledger_.builds(app.spec.name, 1000));
  for (const auto& build : builds)
    if (build.artifact == artifact.digest) co_return build;
  // Imported: nothing is known of its build.
  co_return Build{.app = app.spec.name,
                  .artifact = artifact.digest,
                  .bytes = artifact.bytes,
                  .version = app.spec.version};
}

namespace {

std::uint64_t artifacts_quota() {
  const char* text = std::getenv("FAIRLEAD_ARTIFACTS_QUOTA");
  const auto bytes = text ? parse_unsigned(text) : std::nullopt;
  return bytes.value_or(kArtifactsQuota);
}

}  // namespace

io::Task<Result<ship::CleanUp>> Shipyard::clean_up(std::optional<unsigned> spare) {
  if (spare) co_return co_await keep(*spare);
  ship::CleanUp removed;
  // What can be rolled back to goes before the disk is full, the oldest first, but never the last.
  for (unsigned spares = kSpareReleases; spares > 0; --spares) {
    CO_TRY(const auto more, co_await keep(spares));
    removed.artifacts += more.artifacts;
    removed.bytes += more.bytes;
    if (harbour_.artifacts.bytes() <= artifacts_quota()) break;
  }
  co_return removed;
}

io::Task<Result<ship::CleanUp>> Shipyard::keep(unsigned spare) {
  const auto begun = builds_begun_;
  CO_TRY(const auto pinned, co_await ledger_.pinned(spare));
  std::vector<std::string> keep;
  std::map<control::EnvironmentName, std::vector<ship::SecretPins>> pins;
  for (const auto& release : pinned) {
    keep.push_back(release.artifact);
    pins[release.environment].push_back(release.secrets);
  }
  for (const auto& [environment, unused] : pins) {
    CO_TRY(const auto builds,
           co_await ledger_.builds(environment.app, std::clamp(spare, 1u, kSpareBuilds)));
    for (const auto& build : builds) keep.push_back(build.artifact);
  }
  // What a build has just packed is in no record yet.
  if (!building_.empty() || begun != builds_begun_) co_return ship::CleanUp{};
  auto remove = [this, &keep] { return harbour_.artifacts.remove_all_but(keep); };
  CO_TRY(const auto removed, co_await harbour_.worker.run(harbour_.loop, remove));
  for (const auto& [environment, needed] : pins) {
    CO_TRY(auto secrets, ship::Secrets::open(secrets_folder(harbour_.folders, environment.app),
                                             environment.environment));
    CO_TRY_VOID(secrets.prune(needed));
  }
  co_return removed;
}

}  // namespace fairlead::cli
