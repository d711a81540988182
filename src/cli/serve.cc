#include "cli/serve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <cstdlib>

#include "base/file.h"
#include "cli/app_setup.h"
#include "cli/fleet.h"
#include "cli/shipyard.h"
#include "cli/terminal.h"
#include "control/routes.h"
#include "http/server.h"
#include "io/signals.h"
#include "ship/deployer.h"
#include "ship/ledger.h"
#include "ship/secrets.h"
#include "telemetry/log.h"

namespace fairlead::cli {

namespace {

using control::EnvironmentName;

constexpr Duration kEdgeStart = 10s;
constexpr Duration kRecovery = std::chrono::minutes(5);

// An environment: its processes, and what deploys to it.
struct Berth {
  Berth(Harbour& harbour, ship::Ledger& ledger, EnvironmentName name)
      : fleet(harbour, std::move(name)),
        deployer(harbour.loop, ledger, fleet),
        recovered(harbour.loop) {}
  Fleet fleet;
  ship::Deployer deployer;
  io::Event recovered;
};

class Daemon {
 public:
  Daemon(io::Loop& loop, io::Signals signals, StateFolders folders, ship::Ledger& ledger,
         ship::ArtifactStore& artifacts)
      : loop_(loop),
        signals_(std::move(signals)),
        ledger_(ledger),
        worker_("artifacts"),
        logs_(loop, folders.logs()),
        cgroups_(supervise::CgroupTree::find(folders.instance)),
        surroundings_{.loop = loop,
                      .folder = folders.runtime,
                      .logs = logs_,
                      .cgroups = cgroups_,
                      .adopt = true},
        harbour_{
            .loop = loop, .folders = std::move(folders), .artifacts = artifacts, .worker = worker_},
        edge_(
            surroundings_, {"PATH=/usr/bin:/bin"}, [this] { return snapshot(); }, [] {}),
        shipyard_(harbour_, ledger),
        api_(loop, [this](http::Exchange& exchange) { return api_handler_(exchange); }),
        gate_(loop) {
    harbour_.edge = &edge_;
  }

  static io::Task<Result<>> run(Daemon& self) {
    CO_TRY_VOID(self.prepare());
    CO_TRY_VOID(self.edge_.start());
    CO_TRY_VOID(co_await self.edge_.until_ready(io::Deadline::in(kEdgeStart)));
    CO_TRY_VOID(co_await self.find_environments());
    CO_TRY_VOID(self.serve_api());
    self.log_.info("control is up", {{"state", self.harbour_.folders.state.native()},
                                     {"environments", self.berths_.size()},
                                     {"http", self.http_.to_string()},
                                     {"https", self.https_.to_string()}});
    self.gate_.spawn(watch_signals(self));
    static_cast<void>(co_await self.ended_.wait(io::Deadline::never()));
    static_cast<void>(co_await self.api_.drain(io::Deadline::in(2s)));
    if (!self.stop_all_) {
      // The edge and the replicas go on, and their FIFOs keep what they write; the next control
      // takes them over. What this one still watches is watched no more: there is nothing to undo.
      self.log_.info("control ends; edge and replicas go on");
      co_await self.ledger_.close();
      std::_Exit(0);
    }
    co_await self.stop_everything();
    co_return Result<>();
  }

 private:
  static io::Task<void> watch_signals(Daemon& self) {
    if (co_await self.signals_.next(io::Deadline::never().or_when(self.done_))) self.ended_.set();
  }

  // ---- start

  Result<> prepare() {
    const auto folder = supervise::EdgeProcess::folder_in(surroundings_.folder);
    if (supervise::find_running(surroundings_.folder, "edge")) {
      TRY(const auto text, read_file(folder / "snapshot.json"));
      TRY(harbour_.before, control::snapshot_from_json(text));
    }
    if (harbour_.before && harbour_.before->listeners.size() == 2) {
      TRY(http_, io::Address::parse(harbour_.before->listeners[0].address));
      TRY(https_, io::Address::parse(harbour_.before->listeners[1].address));
    } else {
      const char* host = std::getenv("FAIRLEAD_LISTEN");
      const std::string_view address = host && *host ? host : "0.0.0.0";
      TRY(http_, listen_address("FAIRLEAD_HTTP_PORT", 80, address));
      TRY(https_, listen_address("FAIRLEAD_HTTPS_PORT", 443, address));
    }
    TRY(certificate_, self_signed(harbour_.folders, {}));
    return {};
  }

  io::Task<Result<>> find_environments() {
    CO_TRY(auto names, co_await ledger_.environments());
    CO_TRY(const auto unfinished, co_await ledger_.unfinished());
    for (const auto& deployment : unfinished) names.push_back(deployment.environment);
    for (const auto& name : names)
      if (!berths_.contains(name)) gate_.spawn(recover(*this, add_berth(name)));
    co_return Result<>();
  }

  Berth& add_berth(const EnvironmentName& name) {
    auto& berth = berths_[name];
    berth = std::make_unique<Berth>(harbour_, ledger_, name);
    return *berth;
  }

  static io::Task<void> recover(Daemon& self, Berth& berth) {
    co_await berth.fleet.clean_up();
    const auto done =
        co_await berth.deployer.recover(berth.fleet.name(), io::Deadline::in(kRecovery));
    if (!done)
      self.log_.error(fmt::format("{} is not whole", berth.fleet.name().to_string()), done.error());
    berth.recovered.set();
  }

  Result<> serve_api() {
    auto router = control::make_routes({[this] { return status(); },
                                        [this](auto query) { return read_logs(query); },
                                        [this] {
                                          stop_all_ = true;
                                          ended_.set();
                                        }});
    control::add_order_routes(
        router, loop_, gate_,
        {[this](auto order, auto emit) { return carry_out(std::move(order), std::move(emit)); },
         [this](auto kind, auto name) { return read(std::move(kind), std::move(name)); },
         [this](auto name, auto values, auto by) {
           return set_secrets(std::move(name), values, by);
         }});
    api_handler_ = router.handler();
    TRY(const auto socket, io::Address::unix_path(harbour_.folders.control_socket().native()));
    TRY(auto listening, io::listen(socket));
    api_.serve(std::move(listening));
    return {};
  }

  io::Task<void> stop_everything() {
    co_await edge_.stop();
    for (auto& [name, berth] : berths_) {
      static_cast<void>(co_await berth->recovered.wait(io::Deadline::in(kRecovery)));
      for (auto group : berth->fleet.running()) {
        group.count = 0;
        static_cast<void>(co_await berth->fleet.shrink(group, io::Deadline::in(Duration(0))));
      }
    }
    done_.request();
    static_cast<void>(co_await gate_.drained(io::Deadline::never()));
    cgroups_.remove();
    std::error_code ignored;
    std::filesystem::remove_all(harbour_.folders.runtime, ignored);
    co_await ledger_.close();
  }

  // ---- orders

  io::Task<void> carry_out(control::Order order, control::Emit emit) {
    auto deployment = co_await deployment_of(std::move(order), emit);
    emit(deployment ? control::event_deployment(*deployment)
                    : control::event_error(deployment.error()));
  }

  io::Task<Result<control::Deployment>> deployment_of(control::Order order, control::Emit emit) {
    if (order.kind == control::OrderKind::kDeploy) {
      CO_TRY(order.environment, shipyard_.environment_of(order));
    } else {
      CO_TRY(order.environment, complete(order.environment));
    }
    static_cast<void>(co_await ledger_.audit({.at = wall_now(),
                                              .by = order.by,
                                              .action = action_of(order.kind),
                                              .detail = order.environment.to_string()}));
    Berth& berth = berth_of(order.environment);
    static_cast<void>(co_await berth.recovered.wait(io::Deadline::in(kRecovery)));
    if (order.kind == control::OrderKind::kScale) co_return co_await scale(order, berth);

    ship::DeployRequest request;
    request.by = order.by;
    request.watch.window = order.watch;
    if (order.blue_green) request.strategy = ship::Strategy::kBlueGreen;
    CO_TRY(request.release, co_await release_for(order, emit, request));
    const auto on_step = [&](const control::Step& step) { emit(control::event_step(step)); };
    auto deployment = co_await berth.deployer.deploy(std::move(request), on_step);
    co_await shipyard_.clean_up(order.environment);
    co_return deployment;
  }

  static std::string action_of(control::OrderKind kind) {
    static constexpr const char* kActions[] = {"deploy", "rollback", "scale", "restart"};
    return kActions[static_cast<std::size_t>(kind)];
  }

  // The release that the order is to make live.
  io::Task<Result<control::Release>> release_for(const control::Order& order,
                                                 const control::Emit& emit,
                                                 ship::DeployRequest& request) {
    if (order.kind == control::OrderKind::kDeploy)
      co_return co_await shipyard_.make_release(order, emit);
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
    unsigned number = order.release;
    if (number == 0) {
      CO_TRY(const auto live, co_await live_of(order.environment));
      CO_TRY(const auto deployments, co_await ledger_.deployments(order.environment));
      for (const auto& deployment : deployments)
        if (number == 0 && deployment.to == live.number &&
            deployment.state == control::DeploymentState::kSucceeded)
          number = deployment.from;
      if (number == 0)
        co_return fail(Code::kNotFound, fmt::format("{} has no release before {}",
                                                    order.environment.to_string(), live.name()));
    }
    co_return co_await ledger_.release(order.environment, number);
  }

  io::Task<Result<control::Release>> live_of(EnvironmentName name) {
    CO_TRY(auto live, co_await ledger_.live(name));
    if (!live)
      co_return fail(
          Error(Code::kNotFound, fmt::format("nothing is deployed to {}", name.to_string()))
              .hint("fairlead deploy"));
    co_return std::move(*live);
  }

  io::Task<Result<control::Deployment>> scale(control::Order order, Berth& berth) {
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
      static_cast<void>(co_await scale_back(berth.fleet, live.number));
    }
    CO_TRY_VOID(co_await ledger_.finish(deployment));
    co_return deployment;
  }

  // First up, then the requests, then down.
  io::Task<Result<>> scale_to(control::Order order, Fleet& fleet, unsigned release) {
    const auto deadline = io::Deadline::in(kRecovery);
    for (const auto& [type, count] : order.replicas)
      CO_TRY_VOID(co_await fleet.start({release, type, count}, deadline));
    CO_TRY_VOID(fleet.scale(order.replicas));
    co_return co_await scale_back(fleet, release);
  }

  io::Task<Result<>> scale_back(Fleet& fleet, unsigned release) {
    const auto groups = fleet.wanted(release);
    CO_TRY_VOID(co_await fleet.route(groups, io::Deadline::in(10s)));
    for (const auto& group : groups)
      CO_TRY_VOID(co_await fleet.shrink(group, io::Deadline::in(30s)));
    co_return Result<>();
  }

  Berth& berth_of(const EnvironmentName& name) {
    const auto found = berths_.find(name);
    if (found != berths_.end()) return *found->second;
    Berth& berth = add_berth(name);
    berth.recovered.set();
    return berth;
  }

  // The environment that was meant: where there is one app only, it need not be named.
  Result<EnvironmentName> complete(EnvironmentName name) const {
    if (name.app.empty()) {
      std::vector<std::string> apps;
      for (const auto& [known, berth] : berths_)
        if (apps.empty() || apps.back() != known.app) apps.push_back(known.app);
      if (apps.size() != 1)
        return fail(Error(Code::kInvalid, fmt::format("{} apps are deployed: {}", apps.size(),
                                                      fmt::join(apps, ", ")))
                        .hint("name one by --app"));
      name.app = apps[0];
    }
    if (!berths_.contains(name))
      return fail(Code::kNotFound, fmt::format("nothing is deployed to {}", name.to_string()));
    return name;
  }

  // ---- reading

  template <typename T>
  static std::string list(const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(control::to_json(value));
    return fmt::format("[{}]", fmt::join(texts, ","));
  }

  io::Task<Result<std::string>> read(std::string kind, EnvironmentName name) {
    if (kind == "audit") {
      CO_TRY(const auto entries, co_await ledger_.audit_log());
      co_return list(entries);
    }
    if (kind == "secrets" && !name.app.empty()) co_return list_secrets(name);
    CO_TRY(name, complete(std::move(name)));
    if (kind == "secrets") co_return list_secrets(name);
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

  Result<std::string> list_secrets(const EnvironmentName& name) const {
    TRY(const auto secrets,
        ship::Secrets::open(secrets_folder(harbour_.folders, name.app), name.environment));
    std::vector<control::SecretNote> notes;
    for (const auto& secret : secrets.list())
      notes.push_back({secret.name, secret.version, secret.set_at});
    return list(notes);
  }

  Result<> set_secrets(const EnvironmentName& name,
                       const std::map<std::string, std::optional<std::string>>& values,
                       const std::string&) {
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

  control::LogSource read_logs(control::LogQuery query) {
    for (auto& [name, berth] : berths_)
      if (query.environment.empty() ? berths_.size() == 1 : name.to_string() == query.environment)
        return berth->fleet.logs().read(std::move(query));
    return logs_.read(std::move(query));
  }

  control::Snapshot snapshot() const {
    control::Snapshot snapshot;
    snapshot.listeners = {{.address = http_.to_string()},
                          {.address = https_.to_string(), .tls = true}};
    snapshot.certificates = {certificate_};
    snapshot.access_log = harbour_.folders.state / "access.log";
    for (const auto& [name, berth] : berths_) berth->fleet.add_to(snapshot);
    return snapshot;
  }

  control::Status status() const {
    control::Status status;
    status.version = FAIRLEAD_VERSION;
    status.pid = ::getpid();
    status.started = started_;
    status.state_folder = harbour_.folders.state;
    status.log_folder = harbour_.folders.logs();
    status.edge = edge_.status();
    status.listeners = {"http://" + http_.to_string(), "https://" + https_.to_string()};
    for (const auto& [name, berth] : berths_) status.environments.push_back(berth->fleet.status());
    return status;
  }

  io::Loop& loop_;
  io::Signals signals_;
  ship::Ledger& ledger_;
  io::Worker worker_;
  supervise::LogBook logs_;
  supervise::CgroupTree cgroups_;
  supervise::Surroundings surroundings_;
  Harbour harbour_;
  supervise::EdgeProcess edge_;
  Shipyard shipyard_;
  std::map<EnvironmentName, std::unique_ptr<Berth>> berths_;
  http::Handler api_handler_;
  http::Server api_;
  telemetry::Log log_{2, telemetry::Level::kInfo, {{"service", "control"}}};
  io::Address http_, https_;
  control::CertificateSpec certificate_;
  WallTime started_ = wall_now();
  bool stop_all_ = false;
  io::Event ended_{loop_};
  io::Stop done_;
  io::Gate gate_;
};

Result<> serve(const ServeOptions& options) {
  const StateFolders folders = folders_of(serve_state(options.state));
  TRY_VOID(make_folders(folders));
  TRY(const auto lock, StateLock::take(folders));
  TRY(const auto loop, io::Loop::create());
  TRY(auto signals, io::Signals::create(*loop, {SIGINT, SIGTERM, SIGHUP}));
  ::signal(SIGPIPE, SIG_IGN);
  TRY(auto ledger, ship::Ledger::open(*loop, folders.state / "fairlead.db"));
  TRY(auto artifacts, ship::ArtifactStore::open(folders.state / "artifacts"));
  Daemon daemon(*loop, std::move(signals), folders, *ledger, artifacts);
  return io::block_on(*loop, Daemon::run(daemon));
}

}  // namespace

int run_serve(const ServeOptions& options) {
  const auto served = serve(options);
  if (!served) print_error(served.error());
  return served ? 0 : 1;
}

}  // namespace fairlead::cli
