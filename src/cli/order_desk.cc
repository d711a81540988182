#include "cli/order_desk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <deque>

#include "base/strings.h"
#include "cli/state_check.h"
#include "config/load.h"
#include "ship/secrets.h"

namespace fairlead::cli {

namespace {

constexpr Duration kPatience = std::chrono::minutes(5);
constexpr std::size_t kShownLines = 50;  // of a build that failed

// Counts an order as long as it is carried out.
class Busy {
 public:
  explicit Busy(Berth& berth) : berth_(berth) { ++berth_.orders; }
  ~Busy() { --berth_.orders; }
  Busy(const Busy&) = delete;

 private:
  Berth& berth_;
};

bool makes_deployment(control::OrderKind kind) { return kind <= control::OrderKind::kRestart; }

template <typename T>
std::string list(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(control::to_json(value));
  return fmt::format("[{}]", fmt::join(texts, ","));
}

Result<config::AppSpec> spec_of(const control::Release& release) {
  const auto loaded = config::load_text(release.config, "fairlead.toml");
  if (!loaded.app)
    return fail(Code::kInvalid, fmt::format("the configuration of {} cannot be read: {}",
                                            release.name(), config::to_text(loaded.diagnostics)));
  return loaded.app->resolve(release.environment.environment);
}

}  // namespace

Berth& OrderDesk::add_berth(const EnvironmentName& name) {
  auto& berth = berths_[name];
  berth = std::make_unique<Berth>(harbour_, ledger_, name);
  return *berth;
}

io::Task<void> OrderDesk::carry_out(control::Order order, control::Emit emit) {
  if (makes_deployment(order.kind)) {
    const auto deployment = co_await deployment_of(std::move(order), emit);
    emit(deployment ? control::event_deployment(*deployment)
                    : control::event_error(deployment.error()));
  } else if (order.kind == control::OrderKind::kPlan) {
    const auto changes = co_await shipyard_.plan(std::move(order));
    if (!changes) co_return emit(control::event_error(changes.error()));
    for (const auto& change : *changes) emit(control::event_log(change));
    emit(control::event_done(
        changes->empty() ? "nothing would change" : "'fairlead deploy' would change this",
        changes->size()));
  } else {
    const auto done = co_await do_at_once(std::move(order));
    emit(done ? control::event_done(*done) : control::event_error(done.error()));
  }
}

io::Task<Result<control::Deployment>> OrderDesk::deployment_of(control::Order order,
                                                               control::Emit emit) {
  if (order.kind == control::OrderKind::kDeploy) {
    CO_TRY(order.environment, shipyard_.environment_of(order));
    CO_TRY_VOID(shipyard_.check(order));
  } else {
    CO_TRY(order.environment, complete(order.environment));
  }
  static_cast<void>(co_await ledger_.audit({.at = wall_now(),
                                            .by = order.by,
                                            .action = std::string(to_string(order.kind)),
                                            .detail = order.environment.to_string()}));
  Berth& berth = berth_of(order.environment);
  const Busy busy(berth);
  static_cast<void>(co_await berth.recovered.wait(io::Deadline::in(kPatience)));
  if (order.kind == control::OrderKind::kScale) co_return co_await scale(order, berth);

  ship::DeployRequest request;
  request.by = order.by;
  request.watch.window = order.watch;
  if (order.blue_green) request.strategy = ship::Strategy::kBlueGreen;
  if (!order.canary.empty()) request.strategy = ship::Strategy::kCanary;
  request.canary = order.canary;
  if (order.kind == control::OrderKind::kDeploy) {
    CO_TRY(auto failed, co_await build_for(order, emit, request));
    if (failed) co_return std::move(*failed);
  } else {
    CO_TRY(request.release, co_await release_for(order, request));
    if (order.kind == control::OrderKind::kRollback) {
      CO_TRY(auto refused, co_await over_migrations(order, request));
      if (refused) co_return std::move(*refused);
    }
  }
  // Whoever deploys wants it to run.
  if (berth.fleet.mode() == Mode::kStopped) CO_TRY_VOID(berth.fleet.set_mode(Mode::kServing));
  const auto on_step = [&](const control::Step& step) { emit(control::event_step(step)); };
  auto deployment = co_await berth.deployer.deploy(std::move(request), on_step);
  static_cast<void>(co_await shipyard_.clean_up());
  co_return deployment;
}

// Builds and makes the release of the request; or tells, as the outcome, of a build that failed.
io::Task<Result<std::optional<control::Deployment>>> OrderDesk::build_for(
    const control::Order& order, const control::Emit& emit, ship::DeployRequest& request) {
  std::deque<std::string> last_lines;
  const auto keep = [&](std::string event) {
    if (const auto line = control::event_from_json(event); line && !line->log.empty()) {
      last_lines.push_back(line->log);
      if (last_lines.size() > kShownLines) last_lines.pop_front();
    }
    emit(std::move(event));
  };
  auto build = co_await shipyard_.build(order, keep);
  if (!build && build.error().code() == Code::kInvalid && order.artifact.empty())
    co_return co_await build_failed(order, std::move(build).error(),
                                    {last_lines.begin(), last_lines.end()});
  if (!build) co_return fail(std::move(build).error());
  CO_TRY(request.release, co_await shipyard_.make_release(order, std::move(*build)));
  co_return std::nullopt;
}

io::Task<control::Deployment> OrderDesk::build_failed(control::Order order, Error error,
                                                      std::vector<std::string> last_lines) {
  const auto live = co_await ledger_.live(order.environment);
  control::Failure failure{.at = wall_now(), .cause = error.message()};
  failure.last_lines = std::move(last_lines);
  failure.next_step = error.hint();
  co_return control::Deployment{.environment = order.environment,
                                .state = control::DeploymentState::kFailed,
                                .cause = control::DeploymentCause::kBuildFailed,
                                .from = live && *live ? (*live)->number : 0,
                                .by = order.by,
                                .at = wall_now(),
                                .message = error.message(),
                                .failure = std::move(failure)};
}

// An earlier release, or the live one again, for the order to make live.
io::Task<Result<control::Release>> OrderDesk::release_for(const control::Order& order,
                                                          ship::DeployRequest& request) {
  request.run_release_command = false;
  if (order.kind == control::OrderKind::kRestart) {
    // The same again, as a release of its own: old and new replicas have different names.
    request.kind = control::DeploymentKind::kRestart;
    CO_TRY(auto live, co_await live_of(order.environment));
    live.by = order.by;
    live.at = wall_now();
    co_return co_await ledger_.add_release(std::move(live));
  }
  request.kind = control::DeploymentKind::kRollback;
  // Whoever goes back is in a hurry: all replicas start at the same time.
  request.strategy = ship::Strategy::kBlueGreen;
  unsigned number = order.release;
  if (number == 0) {
    CO_TRY(number, co_await release_before(order.environment));
  }
  co_return co_await ledger_.release(order.environment, number);
}

// Whether the way back crosses a migration, and how; the outcome when it must not be gone.
io::Task<Result<std::optional<control::Deployment>>> OrderDesk::over_migrations(
    control::Order order, ship::DeployRequest& request) {
  CO_TRY(const auto live, co_await live_of(order.environment));
  const auto& target = request.release;
  // Forward to what was rolled back from: its migrations may have been undone since.
  request.run_release_command = target.number > live.number;
  if (target.schema.empty() || live.schema.empty() || target.schema == live.schema ||
      request.run_release_command)
    co_return std::nullopt;
  bool compatible = true;
  for (unsigned number = target.number + 1; number <= live.number; ++number) {
    CO_TRY(const auto release, co_await ledger_.release(order.environment, number));
    CO_TRY(const auto spec, spec_of(release));
    compatible &= spec.deploy.compatible;
  }
  if (compatible) co_return std::nullopt;
  CO_TRY(const auto spec, spec_of(live));
  if (order.down && !spec.deploy.down_command.empty()) {
    request.down_to = target.schema;
    co_return std::nullopt;
  }
  std::string message = fmt::format(
      "rolling back from {} to {} crosses a migration (schema {} to {}) that is not declared "
      "compatible",
      live.name(), target.name(), live.schema, target.schema);
  message += spec.deploy.down_command.empty()
                 ? fmt::format(", and {} has no down_command to undo it", live.name())
                 : "; 'fairlead rollback --down' undoes it, with what that does to the data";
  co_return control::Deployment{.environment = order.environment,
                                .kind = control::DeploymentKind::kRollback,
                                .state = control::DeploymentState::kFailed,
                                .cause = control::DeploymentCause::kRefused,
                                .from = live.number,
                                .to = target.number,
                                .by = order.by,
                                .at = wall_now(),
                                .message = std::move(message)};
}

// ---- what makes no deployment

io::Task<Result<std::string>> OrderDesk::do_at_once(control::Order order) {
  using Kind = control::OrderKind;
  const bool of_all = order.kind == Kind::kCleanUp;
  if (!of_all && (order.kind != Kind::kRotateKey || order.environment.app.empty())) {
    CO_TRY(order.environment, complete(order.environment));
  }
  static_cast<void>(
      co_await ledger_.audit({.at = wall_now(),
                              .by = order.by,
                              .action = std::string(to_string(order.kind)),
                              .detail = of_all ? "" : order.environment.to_string()}));
  if (order.kind == Kind::kCleanUp) {
    CO_TRY(const auto removed, co_await shipyard_.clean_up(order.spare));
    co_return fmt::format("removed {} artifacts, {}", removed.artifacts,
                          human_bytes(removed.bytes));
  }
  if (order.kind == Kind::kRotateKey) {
    CO_TRY_VOID(ship::Secrets::rotate_key(secrets_folder(harbour_.folders, order.environment.app)));
    co_return fmt::format("all secrets of {} are sealed with a new key", order.environment.app);
  }
  co_return co_await change_mode(std::move(order));
}

io::Task<Result<std::string>> OrderDesk::change_mode(control::Order order) {
  using Kind = control::OrderKind;
  CO_TRY(const auto live, co_await live_of(order.environment));
  Berth& berth = berth_of(order.environment);
  const Busy busy(berth);
  static_cast<void>(co_await berth.recovered.wait(io::Deadline::in(kPatience)));
  const Mode before = berth.fleet.mode();
  const Mode mode = order.kind == Kind::kStop                      ? Mode::kStopped
                    : order.kind == Kind::kPause                   ? Mode::kPaused
                    : order.kind == Kind::kMaintenance && order.on ? Mode::kMaintenance
                                                                   : Mode::kServing;
  if (before == Mode::kStopped && mode != Mode::kStopped)
    co_return fail(
        Error(Code::kInvalid, fmt::format("{} is stopped", order.environment.to_string()))
            .hint("start it with 'fairlead restart'"));
  CO_TRY_VOID(berth.fleet.set_mode(mode));
  if (auto done = co_await make_as_wanted(berth.fleet, live.number); !done)
    co_return fail(std::move(done).error());
  co_return fmt::format("{} is {}", order.environment.to_string(), to_string(mode));
}

// What was live before the release that is live now.
io::Task<Result<unsigned>> OrderDesk::release_before(EnvironmentName name) {
  CO_TRY(const auto live, co_await live_of(name));
  CO_TRY(const auto deployments, co_await ledger_.deployments(name));
  for (const auto& deployment : deployments)
    if (deployment.to == live.number && deployment.from != 0 && deployment.from != live.number &&
        deployment.state == control::DeploymentState::kSucceeded)
      co_return deployment.from;
  co_return fail(Code::kNotFound,
                 fmt::format("{} has no release before {}", name.to_string(), live.name()));
}

io::Task<Result<control::Release>> OrderDesk::live_of(EnvironmentName name) {
  CO_TRY(auto live, co_await ledger_.live(name));
  if (!live)
    co_return fail(
        Error(Code::kNotFound, fmt::format("nothing is deployed to {}", name.to_string()))
            .hint("fairlead deploy"));
  co_return std::move(*live);
}

io::Task<Result<control::Deployment>> OrderDesk::scale(control::Order order, Berth& berth) {
  CO_TRY(const auto live, co_await live_of(order.environment));
  auto* environment = berth.fleet.environment(live.number);
  for (const auto& [type, count] : order.replicas)
    if (!environment || !environment->spec().app.process(type))
      co_return fail(Code::kNotFound, fmt::format("{} has no process type '{}'",
                                                  order.environment.to_string(), type));
  control::Deployment deployment{.environment = order.environment,
                                 .kind = control::DeploymentKind::kScale,
                                 .from = live.number,
                                 .to = live.number,
                                 .by = order.by,
                                 .at = wall_now()};
  const Instant began = now();
  CO_TRY(deployment, co_await ledger_.begin(std::move(deployment), std::chrono::minutes(5)));
  auto outcome = co_await scale_to(order, berth.fleet, live.number);
  deployment.duration = now() - began;
  deployment.state =
      outcome ? control::DeploymentState::kSucceeded : control::DeploymentState::kFailed;
  deployment.message = outcome ? "scaled" : outcome.error().message();
  if (!outcome) {
    deployment.cause = control::DeploymentCause::kUnhealthy;
    deployment.failure = berth.fleet.evidence(live.number);
    static_cast<void>(co_await make_as_wanted(berth.fleet, live.number));
  }
  CO_TRY_VOID(co_await ledger_.finish(deployment));
  co_return deployment;
}

// First up, then the requests, then down.
io::Task<Result<>> OrderDesk::scale_to(control::Order order, Fleet& fleet, unsigned release) {
  const auto deadline = io::Deadline::in(kPatience);
  for (const auto& [type, count] : order.replicas)
    CO_TRY_VOID(co_await fleet.start({release, type, count}, deadline));
  CO_TRY_VOID(fleet.scale(order.replicas));
  co_return co_await make_as_wanted(fleet, release);
}

io::Task<Result<>> OrderDesk::make_as_wanted(Fleet& fleet, unsigned release) {
  const auto groups = fleet.wanted(release);
  CO_TRY_VOID(co_await fleet.route(groups, io::Deadline::in(10s)));
  for (const auto& group : groups) CO_TRY_VOID(co_await fleet.shrink(group, io::Deadline::in(30s)));
  co_return Result<>();
}

Berth& OrderDesk::berth_of(const EnvironmentName& name) {
  const auto found = berths_.find(name);
  if (found != berths_.end()) return *found->second;
  Berth& berth = add_berth(name);
  berth.recovered.set();
  return berth;
}

// The environment that was meant: where there is one app only, it need not be named.
Result<EnvironmentName> OrderDesk::complete(EnvironmentName name) const {
  if (name.app.empty()) {
    std::vector<std::string> apps;
    for (const auto& [known, berth] : berths_)
      if (apps.empty() || apps.back() != known.app) apps.push_back(known.app);
    if (apps.size() != 1)
      return fail(Error(Code::kInvalid,
                        fmt::format("{} apps are deployed: {}", apps.size(), fmt::join(apps, ", ")))
                      .hint("name one by --app"));
    name.app = apps[0];
  }
  if (!berths_.contains(name))
    return fail(Code::kNotFound, fmt::format("nothing is deployed to {}", name.to_string()));
  return name;
}

io::Task<Result<std::string>> OrderDesk::read(std::string kind, EnvironmentName name) {
  if (kind == "audit") {
    CO_TRY(const auto entries, co_await ledger_.audit_log());
    co_return list(entries);
  }
  if (kind == "doctor")
    co_return control::to_json(co_await check_state(harbour_, ledger_, berths_));
  if (kind == "artifacts") co_return co_await list_artifacts();
  if (kind == "secrets" && !name.app.empty()) co_return list_secrets(name);
  CO_TRY(name, complete(std::move(name)));
  if (kind == "secrets") co_return list_secrets(name);
  if (kind == "exec") co_return co_await surround(std::move(name));
  if (kind == "releases") {
    CO_TRY(const auto releases, co_await ledger_.releases(name));
    co_return list(releases);
  }
  if (kind == "deployments") {
    CO_TRY(const auto deployments, co_await ledger_.deployments(name));
    co_return list(deployments);
  }
  if (kind == "builds") {
    CO_TRY(const auto builds, co_await ledger_.builds(name.app));
    co_return list(builds);
  }
  co_return fail(Code::kNotFound, fmt::format("there is no '{}'", kind));
}

io::Task<Result<std::string>> OrderDesk::surround(EnvironmentName name) {
  CO_TRY(const auto live, co_await live_of(name));
  const auto surround = berth_of(name).fleet.surround(live.number);
  if (surround.folder.empty())
    co_return fail(Code::kUnavailable, fmt::format("{} is not ready yet", live.name()));
  co_return control::to_json(surround);
}

io::Task<Result<std::string>> OrderDesk::list_artifacts() {
  CO_TRY(const auto all, harbour_.artifacts.list());
  CO_TRY(const auto releases, co_await ledger_.pinned(~0u >> 1));
  std::map<EnvironmentName, unsigned> live;
  for (const auto& [name, berth] : berths_)
    if (const auto release = co_await ledger_.live(name); release && *release)
      live[name] = (*release)->number;
  std::vector<control::ArtifactNote> notes;
  for (const auto& artifact : all) {
    control::ArtifactNote note{
        .digest = artifact.digest, .app = artifact.app, .bytes = artifact.bytes, .needed_by = {}};
    for (const auto& release : releases)
      if (release.artifact == artifact.digest)
        note.needed_by.push_back(
            fmt::format("{} {}{}", release.environment.to_string(), release.name(),
                        live[release.environment] == release.number ? " (live)" : ""));
    notes.push_back(std::move(note));
  }
  co_return list(notes);
}

Result<std::string> OrderDesk::list_secrets(const EnvironmentName& name) const {
  TRY(const auto secrets,
      ship::Secrets::open(secrets_folder(harbour_.folders, name.app), name.environment));
  std::vector<control::SecretNote> notes;
  for (const auto& secret : secrets.list())
    notes.push_back({secret.name, secret.version, secret.set_at});
  return list(notes);
}

Result<> OrderDesk::set_secrets(const EnvironmentName& name,
                                const std::map<std::string, std::optional<std::string>>& values) {
  TRY(auto secrets,
      ship::Secrets::open(secrets_folder(harbour_.folders, name.app), name.environment));
  ship::SecretValues set;
  for (const auto& [key, value] : values)
    if (value) set.emplace_back(key, *value);
  if (!set.empty()) TRY_VOID(secrets.set(set));
  for (const auto& [key, value] : values)
    if (!value) TRY_VOID(secrets.unset(key));
  return {};
}

}  // namespace fairlead::cli
