#include "cli/serve.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "cli/app_setup.h"
#include "cli/dashboard_setup.h"
#include "cli/guard_setup.h"
#include "cli/order_desk.h"
#include "cli/terminal.h"
#include "cli/tls_setup.h"
#include "control/routes.h"
#include "http/server.h"
#include "io/signals.h"
#include "observe/alert_config.h"
#include "observe/api.h"
#include "observe/observatory.h"
#include "ship/ledger.h"
#include "telemetry/log.h"

namespace fairlead::cli {

namespace {

constexpr Duration kEdgeStart = 10s;
constexpr Duration kRecovery = std::chrono::minutes(5);

class Daemon {
 public:
  Daemon(io::Loop& loop, io::Signals signals, StateFolders folders, ship::Ledger& ledger,
         ship::ArtifactStore& artifacts, observe::Observatory& observatory)
      : loop_(loop),
        signals_(std::move(signals)),
        ledger_(ledger),
        worker_("artifacts"),
        observatory_(observatory),
        logs_(observatory.sink(), {.source = "edge"}),
        cgroups_(supervise::CgroupTree::find(folders.instance)),
        surroundings_{.loop = loop,
                      .folder = folders.runtime,
                      .logs = logs_,
                      .cgroups = cgroups_,
                      .adopt = true},
        harbour_{.loop = loop,
                 .folders = std::move(folders),
                 .artifacts = artifacts,
                 .worker = worker_,
                 .logs = observatory.sink()},
        edge_(
            surroundings_, {"PATH=/usr/bin:/bin"},
            [this] {
              want_certificates();
              return snapshot();
            },
            [] {}),
        desk_(harbour_, ledger),
        keeper_(loop_, harbour_.folders.state / "certificates", log_,
                [this] { return publish(*this); }),
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
    self.observe();
    self.log_.info("control is up", {{"state", self.harbour_.folders.state.native()},
                                     {"environments", self.desk_.berths().size()},
                                     {"http", self.http_.to_string()},
                                     {"https", self.https_.to_string()},
                                     {"dashboard", self.dashboard_.url}});
    self.keeper_.start();
    self.gate_.spawn(watch_signals(self));
    static_cast<void>(co_await self.ended_.wait(io::Deadline::never()));
    static_cast<void>(co_await self.api_.drain(io::Deadline::in(2s)));
    if (self.dashboard_.server) co_await self.dashboard_.server->stop();
    if (!self.stop_all_) {
      // The edge and the replicas go on, and their FIFOs keep what they write; the next control
      // takes them over. What this one still watches is watched no more: there is nothing to undo.
      self.log_.info("control ends; edge and replicas go on");
      co_await self.observatory_.stop();
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
    harbour_.http = http_;
    TRY(certificate_, self_signed(harbour_.folders, {}));
    return {};
  }

  io::Task<Result<>> find_environments() {
    CO_TRY(auto names, co_await ledger_.environments());
    CO_TRY(const auto unfinished, co_await ledger_.unfinished());
    for (const auto& deployment : unfinished) names.push_back(deployment.environment);
    if (!names.empty()) harbour_.marked = supervise::marked_processes();
    for (const auto& name : names)
      if (!desk_.berths().contains(name)) gate_.spawn(recover(*this, desk_.add_berth(name)));
    co_return Result<>();
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
                                        [this](auto query) { return observatory_.logs(query); },
                                        [this] {
                                          stop_all_ = true;
                                          ended_.set();
                                        }});
    control::add_order_routes(
        router, loop_, gate_,
        {[this](auto order, auto emit) {
           return carry_out(*this, std::move(order), std::move(emit));
         },
         [this](auto kind, auto name) { return desk_.read(std::move(kind), std::move(name)); },
         [this](auto name, auto values, auto) { return desk_.set_secrets(name, values); }});
    control::add_certificate_routes(router,
                                    {[this] { return certificates(); },
                                     [this](auto host) { return keeper_.renew(std::move(host)); }});
    observe::add_observe_routes(router, observatory_);
    api_handler_ = router.handler();
    TRY(const auto socket, io::Address::unix_path(harbour_.folders.control_socket().native()));
    TRY(auto listening, io::listen(socket));
    api_.serve(std::move(listening));
    TRY(dashboard_, open_dashboard(loop_, harbour_.folders, api_handler_));
    return {};
  }

  void observe() {
    set_alerts();
    observatory_.start(
        {.status = [this] { return status(); },
         .access_log = access_log(),
         .reopen_access_log = [this] { return edge_.reopen_logs(io::Deadline::in(5s)); },
         .certificates = [this] { return files_of(certificates()); }});
  }

  // What each app's newest release wants to be watched.
  void set_alerts() {
    alert_notes_.clear();
    std::vector<observe::AlertRule> rules;
    std::vector<observe::AlertTarget> targets;
    std::vector<observe::Destination> destinations;
    for (const auto& [name, berth] : desk_.berths())
      if (const auto* spec = berth->fleet.newest()) {
        std::ranges::move(observe::app_alert_rules(spec->app), std::back_inserter(rules));
        std::ranges::move(observe::alert_targets(spec->app, spec->variables, alert_notes_),
                          std::back_inserter(targets));
        std::ranges::move(observe::destinations(spec->app, spec->variables),
                          std::back_inserter(destinations));
      }
    observatory_.set_forwards(std::move(destinations));
    observatory_.set_alerts(std::move(rules), std::move(targets));
  }

  // An order, with its steps and its outcome as events in the log.
  static io::Task<void> carry_out(Daemon& self, control::Order order, control::Emit emit) {
    const auto tell = [&self, emit](std::string event) {
      self.note(event);
      emit(std::move(event));
    };
    co_await self.desk_.carry_out(std::move(order), tell);
    self.set_alerts();
  }

  void note(std::string_view text) {
    const auto event = control::event_from_json(text);
    if (!event || !event->deployment) return;
    const auto& deployment = *event->deployment;
    const bool good = deployment.state == control::DeploymentState::kSucceeded;
    observatory_.intake().event(
        {.app = deployment.environment.app,
         .environment = deployment.environment.environment,
         .release = fmt::format("v{}", deployment.to)},
        good ? telemetry::Level::kInfo : telemetry::Level::kError,
        fmt::format("{} {}: {}", to_string(deployment.kind), to_string(deployment.state),
                    deployment.message),
        {{"event", "deployment"}, {"deployment", deployment.id}, {"by", deployment.by}});
  }

  io::Task<void> stop_everything() {
    co_await keeper_.stop();
    co_await edge_.stop();
    for (auto& [name, berth] : desk_.berths()) {
      static_cast<void>(co_await berth->recovered.wait(io::Deadline::in(kRecovery)));
      for (auto group : berth->fleet.running()) {
        group.count = 0;
        static_cast<void>(co_await berth->fleet.shrink(group, io::Deadline::in(Duration(0))));
      }
      co_await berth->fleet.stop_services();
    }
    done_.request();
    static_cast<void>(co_await gate_.drained(io::Deadline::never()));
    co_await observatory_.stop();
    cgroups_.remove();
    std::error_code ignored;
    std::filesystem::remove_all(harbour_.folders.runtime, ignored);
    co_await ledger_.close();
  }

  std::filesystem::path access_log() const { return harbour_.folders.state / "access.log"; }

  control::Snapshot snapshot() const {
    control::Snapshot snapshot;
    snapshot.listeners = {{.address = http_.to_string()},
                          {.address = https_.to_string(), .tls = true}};
    snapshot.acme_answers = keeper_.answers();
    snapshot.access_log = access_log();
    snapshot.cache_folder = harbour_.folders.state / "cache";
    place_guard(snapshot, harbour_.folders.state);
    bool recovered = true;
    for (const auto& [name, berth] : desk_.berths()) {
      berth->fleet.add_to(snapshot);
      recovered &= berth->recovered.is_set();
    }
    if (!recovered) add_routes_of_nobody(snapshot);
    snapshot.certificates =
        all_certificates(std::move(snapshot.certificates), keeper_, certificate_);
    keep_former_certificates(snapshot);
    return snapshot;
  }

  // Redirects and files name no pool, so that nothing says which environment they are of: until all
  // are recovered, those stay that an edge which was taken over has.
  void add_routes_of_nobody(control::Snapshot& snapshot) const {
    if (!harbour_.before) return;
    for (const auto& route : harbour_.before->routes) {
      const bool known = std::ranges::any_of(snapshot.routes, [&](const control::Route& other) {
        return other.host == route.host && other.path_prefix == route.path_prefix &&
               other.exact == route.exact && other.pool.empty();
      });
      if (route.pool.empty() && !known) snapshot.routes.push_back(route);
    }
  }

  // Those that an edge that was taken over shows, until it is known again whose they are.
  void keep_former_certificates(control::Snapshot& snapshot) const {
    if (!harbour_.before || std::ranges::all_of(desk_.berths(), [](const auto& entry) {
          return entry.second->fleet.routed_once();
        }))
      return;
    for (const auto& former : harbour_.before->certificates) {
      const bool known = std::ranges::any_of(snapshot.certificates, [&](const auto& each) {
        return each.certificate == former.certificate;
      });
      std::error_code ignored;
      if (!known && !former.acme_proof && std::filesystem::exists(former.certificate, ignored))
        snapshot.certificates.push_back(former);
    }
  }

  void want_certificates() {
    std::vector<acme::Wanted> wanted;
    for (const auto& [name, berth] : desk_.berths())
      if (const auto* leading = berth->fleet.leading())
        std::ranges::move(wanted_certificates(leading->spec().app), std::back_inserter(wanted));
    keeper_.want(std::move(wanted));
  }

  // The keeper's certificates and proofs, seen by the edge.
  static io::Task<Result<>> publish(Daemon& self) {
    self.edge_.changed();
    co_return co_await self.edge_.up_to_date(io::Deadline::in(kEdgeStart));
  }

  std::vector<control::CertificateStatus> certificates() const {
    std::vector<control::CertificateSpec> own;
    for (const auto& [name, berth] : desk_.berths())
      if (const auto* leading = berth->fleet.leading())
        std::ranges::move(own_certificates(leading->spec().app, leading->spec().root),
                          std::back_inserter(own));
    auto all = keeper_.status();
    std::ranges::move(other_certificates(own, certificate_), std::back_inserter(all));
    return all;
  }

  control::Status status() const {
    control::Status status;
    status.version = FAIRLEAD_VERSION;
    status.pid = ::getpid();
    status.started = started_;
    status.state_folder = harbour_.folders.state;
    status.log_folder = harbour_.folders.observe() / "logs";
    status.dashboard = dashboard_.url;
    status.edge = edge_.status();
    status.listeners = {"http://" + http_.to_string(), "https://" + https_.to_string()};
    for (const auto& [name, berth] : desk_.berths()) {
      status.environments.push_back(berth->fleet.status());
      for (const auto& note : berth->fleet.notes())
        status.notes.push_back(fmt::format("{}: {}", name.to_string(), note));
    }
    std::ranges::copy(alert_notes_, std::back_inserter(status.notes));
    return status;
  }

  io::Loop& loop_;
  io::Signals signals_;
  ship::Ledger& ledger_;
  io::Worker worker_;
  observe::Observatory& observatory_;
  supervise::LogBook logs_;
  supervise::CgroupTree cgroups_;
  supervise::Surroundings surroundings_;
  Harbour harbour_;
  supervise::EdgeProcess edge_;
  OrderDesk desk_;
  telemetry::Log log_{2, telemetry::Level::kInfo, {{"service", "control"}}};
  acme::Keeper keeper_;
  http::Handler api_handler_;
  http::Server api_;
  OpenDashboard dashboard_;
  io::Address http_, https_;
  control::CertificateSpec certificate_;
  std::vector<std::string> alert_notes_;  // what is missing for sending
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
  const auto ledger_file = folders.state / "fairlead.db";
  // Others may pass through the state folder (the users of services), but not read what is in it.
  if (!std::filesystem::exists(ledger_file)) TRY_VOID(write_file_atomically(ledger_file, "", 0600));
  TRY(auto ledger, ship::Ledger::open(*loop, ledger_file));
  TRY_VOID(make_directories(folders.state / "artifacts", 0700));
  TRY(auto artifacts, ship::ArtifactStore::open(folders.state / "artifacts"));
  TRY(const auto observatory, observe::Observatory::open(*loop, folders.observe()));
  Daemon daemon(*loop, std::move(signals), folders, *ledger, artifacts, *observatory);
  return io::block_on(*loop, Daemon::run(daemon));
}

}  // namespace

int run_serve(const ServeOptions& options) {
  const auto served = serve(options);
  if (!served) print_error(served.error());
  return served ? 0 : 1;
}

}  // namespace fairlead::cli
