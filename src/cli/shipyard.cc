#include "cli/shipyard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "cli/app_setup.h"
#include "config/load.h"
#include "ship/builder.h"
#include "ship/secrets.h"

namespace fairlead::cli {

namespace fs = std::filesystem;
using control::Build;
using control::Release;

namespace {

constexpr Duration kBuildTime = std::chrono::minutes(60);
constexpr unsigned kSpareReleases = 10;  // of each environment, to roll back to
constexpr unsigned kSpareBuilds = 5;     // of each app, released or not

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

io::Task<Result<Release>> Shipyard::make_release(control::Order order, control::Emit emit) {
  CO_TRY(const App app, load(order));
  // Before the build: it takes the longest.
  CO_TRY(auto secrets, pin_secrets(app.spec));
  CO_TRY(const Build build, order.artifact.empty() ? co_await this->build(app, emit)
                                                   : co_await find(app, order.artifact));
  Release release;
  release.environment = {app.spec.name, order.environment.environment};
  release.artifact = build.artifact;
  release.version = build.version;
  release.config = app.text;
  release.secrets = std::move(secrets);
  release.at = wall_now();
  release.by = order.by;
  co_return co_await ledger_.add_release(std::move(release));
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

io::Task<Result<Build>> Shipyard::build(const App& app, const control::Emit& emit) {
  const auto& spec = app.spec;
  if (!building_.insert(spec.name).second)
    co_return fail(Error(Code::kExists, fmt::format("{} is being built already", spec.name))
                       .hint("wait for it"));
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
  auto built = co_await ship::build(
      harbour_.loop, harbour_.worker, request,
      [&](std::string_view line) { emit(control::event_log(line)); }, io::Deadline::in(kBuildTime));
  cgroup.kill();
  static_cast<void>(cgroup.remove());
  if (!built) co_return fail(std::move(built).error().in(fmt::format("build {}", number)));

  ship::PackRequest pack{
      .app = spec.name,
      .root = request.copy,
      .include = spec.build.include.empty() ? built->source.files : spec.build.include,
      .command = {}};
  if (const auto* web = spec.process("web")) pack.command = supervise::command_line(web->command);
  auto add = [this, &pack] { return harbour_.artifacts.add(pack); };
  CO_TRY(const auto artifact, co_await harbour_.worker.run(harbour_.loop, add));
  Build build{.app = spec.name,
              .number = number,
              .artifact = artifact.digest,
              .bytes = artifact.bytes,
              .version = fmt::format("{}+build.{}", spec.version, number),
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

io::Task<void> Shipyard::clean_up(control::EnvironmentName environment) {
  const auto pinned = co_await ledger_.pinned(kSpareReleases);
  const auto builds = co_await ledger_.builds(environment.app, kSpareBuilds);
  if (!pinned || !builds) co_return;
  std::vector<std::string> keep;
  std::vector<ship::SecretPins> pins;
  for (const auto& release : *pinned) {
    keep.push_back(release.artifact);
    if (release.environment == environment) pins.push_back(release.secrets);
  }
  for (const auto& build : *builds) keep.push_back(build.artifact);
  auto remove = [this, &keep] { return harbour_.artifacts.remove_all_but(keep); };
  static_cast<void>(co_await harbour_.worker.run(harbour_.loop, remove));
  auto secrets = ship::Secrets::open(secrets_folder(harbour_.folders, environment.app),
                                     environment.environment);
  if (secrets) static_cast<void>(secrets->prune(pins));
}

}  // namespace fairlead::cli
