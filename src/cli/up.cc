#include "cli/up.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "cli/app_setup.h"
#include "cli/build_step.h"
#include "cli/dashboard_setup.h"
#include "cli/guard_setup.h"
#include "cli/screen.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "cli/tls_setup.h"
#include "config/load.h"
#include "control/routes.h"
#include "http/server.h"
#include "io/signals.h"
#include "io/stream.h"
#include "observe/alert_config.h"
#include "observe/api.h"
#include "observe/observatory.h"
#include "supervise/edge_process.h"
#include "supervise/record.h"
#include "supervise/service.h"
#include "supervise/sweeper.h"

namespace fairlead::cli {

namespace {

constexpr Duration kLeftoversGrace = 5s;
constexpr Duration kReleaseCommand = std::chrono::minutes(15);
constexpr Duration kEdgeStart = 10s;
constexpr Duration kServiceStart = std::chrono::minutes(2);

// One app, its edge and its API, from the first step to the last.
class Up {
 public:
  Up(io::Loop& loop, io::Signals signals, StateFolders folders, observe::Observatory& observatory,
     config::AppSpec app)
      : loop_(loop),
        signals_(std::move(signals)),
        folders_(std::move(folders)),
        observatory_(observatory),
        logs_(observatory.sink(),
              {.app = app.name, .environment = app.environment, .source = "app"}),
        edge_logs_(observatory.sink(), {.source = "edge"}),
        cgroups_(supervise::CgroupTree::find(folders_.instance)),
        surroundings_{loop, folders_.runtime, logs_, cgroups_, true},
        edge_surroundings_{loop, folders_.runtime, edge_logs_, cgroups_, true},
        environment_(surroundings_, environment_spec(std::move(app), folders_),
                     [this] { on_change(); }),
        services_(surroundings_, folders_.runtime / "services", folders_.state / "services",
                  environment_.spec().app.name),
        edge_(
            edge_surroundings_, {"PATH=/usr/bin:/bin"}, [this] { return snapshot(); }, [] {}),
        api_(loop, [this](http::Exchange& exchange) { return api_handler_(exchange); }),
        keeper_(loop, folders_.state / "certificates", log_, [this] { return publish(*this); }),
        gate_(loop) {}

  static io::Task<int> run(Up& self) {
    self.gate_.spawn(watch_signals(self));
    auto outcome = co_await self.start();
    self.progress_.clear();
    if (outcome) {
      const auto status = self.status();
      fmt::print("{}", up_screen(status, now() - self.began_));
      std::fflush(stdout);
      self.is_up_ = true;
      io::Event never(self.loop_);
      static_cast<void>(co_await never.wait(self.until_asked()));
    } else if (!self.asked_.requested()) {
      self.explain(outcome.error());
    }
    const bool stopped_early = !outcome && self.asked_.requested();
    co_await self.stop();
    co_return outcome || stopped_early ? 0 : 1;
  }

 private:
  static supervise::EnvironmentSpec environment_spec(config::AppSpec app,
                                                     const StateFolders& folders) {
    supervise::EnvironmentSpec spec;
    spec.root = root_of(app);
    spec.variables = variables_of(app, folders);
    spec.version = app.version;
    spec.app = std::move(app);
    return spec;
  }

  io::Deadline until_asked() { return io::Deadline::never().or_when(asked_); }

  static io::Task<void> watch_signals(Up& self) {
    while (const auto number =
               co_await self.signals_.next(io::Deadline::never().or_when(self.done_)))
      self.asked_.request();
  }

  io::Task<Result<>> start() {
    co_await end_leftovers();
    CO_TRY_VOID(prepare());
    CO_TRY_VOID(co_await start_services());
    CO_TRY_VOID(co_await build(surroundings_, environment_.spec(), progress_, until_asked()));
    if (!environment_.spec().app.deploy.release_command.empty())
      progress_.step("running the release command");
    CO_TRY_VOID(co_await environment_.run_release_command(until_asked().within(kReleaseCommand)));
    progress_.step("starting");
    CO_TRY_VOID(environment_.start());
    CO_TRY_VOID(co_await environment_.until_ready(until_asked()));
    own_certificates_ = own_certificates(environment_.spec().app, environment_.spec().root);
    keeper_.want(wanted_certificates(environment_.spec().app));
    CO_TRY_VOID(edge_.start());
    CO_TRY_VOID(co_await edge_.until_ready(until_asked().within(kEdgeStart)));
    keeper_.start();
    observe();
    co_return Result<>();
  }

  void observe() {
    const auto& spec = environment_.spec();
    observatory_.set_alerts(observe::app_alert_rules(spec.app),
                            observe::alert_targets(spec.app, spec.variables, alert_notes_));
    observatory_.set_forwards(observe::destinations(spec.app, spec.variables));
    observatory_.start(
        {.status = [this] { return status(); },
         .access_log = access_log(),
         .reopen_access_log = [this] { return edge_.reopen_logs(io::Deadline::in(5s)); },
         .certificates = [this] { return files_of(certificates()); }});
  }

  io::Task<void> end_leftovers() {
    const auto found = co_await supervise::end_leftovers(loop_, folders_.runtime,
                                                         io::Deadline::in(kLeftoversGrace));
    cgroups_.end_leftovers();
    for (const auto& name : found)
      progress_.step(fmt::format("ended {}, left by an earlier run", name));
  }

  Result<> prepare() {
    const auto& app = environment_.spec().app;
    TRY_VOID(make_directories(folders_.state / "data", 0700));
    TRY(http_, listen_address("FAIRLEAD_HTTP_PORT", 8080));
    TRY(https_, listen_address("FAIRLEAD_HTTPS_PORT", 8443));
    std::vector<std::string> hosts;
    for (const auto& route : app.routes) hosts.push_back(route.host);
    TRY(certificate_, self_signed(folders_, hosts));
    purge_token_.environment = fmt::format("{}/{}", app.name, app.environment);
    TRY(purge_token_.token, purge_token(folders_.state, purge_token_.environment));
    environment_.define("PURGE_URL", purge_url(http_.to_string(), purge_token_.token));
    return serve_api();
  }

  Result<> serve_api() {
    api_handler_ = routes();
    TRY(const auto socket, io::Address::unix_path(folders_.control_socket().native()));
    TRY(auto listening, io::listen(socket));
    api_.serve(std::move(listening));
    TRY(dashboard_, open_dashboard(loop_, folders_, api_handler_));
    return {};
  }

  io::Task<Result<>> start_services() {
    const auto& spec = environment_.spec();
    auto wanted = supervise::missing_services(spec.app, spec.variables);
    if (wanted.empty()) co_return Result<>();
    progress_.step("starting the services");
    CO_TRY_VOID(co_await services_.ensure(std::move(wanted), until_asked().within(kServiceStart)));
    environment_.add_variables(services_.variables());
    co_return Result<>();
  }

  // The edge first, for it still needs the replicas; then they.
  io::Task<void> stop() {
    if (is_up_) progress_.step("stopping");
    co_await keeper_.stop();
    co_await edge_.stop();
    co_await environment_.stop();
    co_await services_.stop();
    // What left its group and session, where there are no cgroups to hold it.
    static_cast<void>(co_await supervise::end_leftovers(loop_, folders_.runtime,
                                                        io::Deadline::in(kLeftoversGrace)));
    static_cast<void>(co_await api_.drain(io::Deadline::in(1s)));
    if (dashboard_.server) co_await dashboard_.server->stop();
    co_await observatory_.stop();
    cgroups_.remove();
    std::error_code ignored;
    std::filesystem::remove_all(folders_.runtime, ignored);
    done_.request();
    static_cast<void>(co_await gate_.drained(io::Deadline::never()));
    progress_.clear();
  }

  std::filesystem::path access_log() const { return folders_.state / "access.log"; }

  http::Handler routes() {
    auto router = control::make_routes({[this] { return status(); },
                                        [this](auto query) { return observatory_.logs(query); },
                                        [this] { asked_.request(); }});
    control::add_certificate_routes(router,
                                    {[this] { return certificates(); },
                                     [this](auto host) { return keeper_.renew(std::move(host)); }});
    observe::add_observe_routes(router, observatory_);
    return router.handler();
  }

  // The keeper's certificates and proofs, seen by the edge.
  static io::Task<Result<>> publish(Up& self) {
    self.edge_.changed();
    co_return co_await self.edge_.up_to_date(io::Deadline::in(kEdgeStart));
  }

  std::vector<control::CertificateStatus> certificates() const {
    auto all = keeper_.status();
    std::ranges::move(other_certificates(own_certificates_, certificate_), std::back_inserter(all));
    return all;
  }

  control::Snapshot snapshot() const {
    control::Snapshot snapshot;
    snapshot.listeners = {{.address = http_.to_string()},
                          {.address = https_.to_string(), .tls = true}};
    snapshot.certificates = all_certificates(own_certificates_, keeper_, certificate_);
    snapshot.pools = environment_.pools();
    snapshot.routes = routes_of(environment_, true);
    snapshot.access_log = access_log();
    snapshot.cache_folder = folders_.state / "cache";
    snapshot.purge_tokens = {purge_token_};
    snapshot.acme_answers = keeper_.answers();
    add_guard(snapshot, environment_.spec().app.guard);
    place_guard(snapshot, folders_.state);
    return snapshot;
  }

  std::vector<std::string> urls() const {
    std::vector<std::string> urls = {fmt::format("http://localhost:{}/", http_.port()),
                                     fmt::format("https://localhost:{}/", https_.port())};
    for (const auto& route : environment_.spec().app.routes)
      if (!route.host.empty() && !route.host.starts_with('*'))
        urls.push_back(fmt::format("http://{}:{}{}", route.host, http_.port(), route.path));
    return urls;
  }

  control::Status status() const {
    control::Status status;
    status.version = FAIRLEAD_VERSION;
    status.pid = ::getpid();
    status.started = started_;
    status.state_folder = folders_.state;
    status.log_folder = folders_.observe() / "logs";
    status.dashboard = dashboard_.url;
    status.edge = edge_.status();
    status.listeners = {"http://" + http_.to_string(), "https://" + https_.to_string()};
    auto environment = environment_.status();
    std::ranges::move(services_.statuses(), std::back_inserter(environment.processes));
    environment.urls = urls();
    status.environments = {std::move(environment)};
    status.notes = environment_.not_enforced();
    std::ranges::copy(alert_notes_, std::back_inserter(status.notes));
    return status;
  }

  void on_change() {
    edge_.changed();
    if (!is_up_ || asked_.requested()) return;
    // People see what happened while nobody looked.
    for (const auto& process : environment_.status().processes)
      if (process.failure && process.failure->at > told_) {
        told_ = process.failure->at;
        fmt::print(stderr, "{} {}: {}; starting it again\n", rfc3339(told_).substr(0, 19) + "Z",
                   process.name, process.failure->cause);
      }
  }

  // Why it did not start, with what is known.
  void explain(const Error& error) const {
    const auto* process = environment_.failed();
    if (!process) process = services_.failed();
    if (!process && edge_.process().failure()) process = &edge_.process();
    if (process)
      fmt::print(stderr, "{}", failure_page(process->spec().command.name, *process->failure()));
    else
      print_error(error);
    if (!process)
      for (const auto& line : environment_.last_lines()) fmt::print(stderr, "    {}\n", line);
  }

  io::Loop& loop_;
  io::Signals signals_;
  StateFolders folders_;
  observe::Observatory& observatory_;
  supervise::LogBook logs_;
  supervise::LogBook edge_logs_;
  supervise::CgroupTree cgroups_;
  supervise::Surroundings surroundings_;
  supervise::Surroundings edge_surroundings_;
  supervise::Environment environment_;
  supervise::Services services_;
  supervise::EdgeProcess edge_;
  http::Handler api_handler_;
  http::Server api_;
  OpenDashboard dashboard_;
  Progress progress_;
  io::Address http_, https_;
  control::CertificateSpec certificate_;
  control::PurgeToken purge_token_;
  std::vector<control::CertificateSpec> own_certificates_;
  telemetry::Log log_{2, telemetry::Level::kWarn, {{"service", "control"}}};
  std::vector<std::string> alert_notes_;  // what is missing for sending
  Instant began_ = now();
  WallTime started_ = wall_now();
  WallTime told_ = wall_now();
  bool is_up_ = false;
  io::Stop asked_;  // to stop, by signal or API
  io::Stop done_;   // everything is stopped
  acme::Keeper keeper_;
  io::Gate gate_;
};

Result<int> up(const UpOptions& options) {
  const auto loaded = config::load(options.app);
  fmt::print(stderr, "{}", config::to_text(loaded.diagnostics, colours(stderr)));
  if (!loaded.app) return 1;
  TRY(config::AppSpec app, loaded.app->resolve(options.environment));
  TRY(StateFolders folders, find_state(options.state, options.app));
  TRY_VOID(make_folders(folders));
  TRY(const auto lock, StateLock::take(folders));
  TRY(const auto sweeper, supervise::Sweeper::start(folders.runtime, lock.fd()));
  TRY(const auto loop, io::Loop::create());
  TRY(auto signals, io::Signals::create(*loop, {SIGINT, SIGTERM, SIGHUP}));
  ::signal(SIGPIPE, SIG_IGN);
  TRY(const auto observatory, observe::Observatory::open(*loop, folders.observe()));
  Up self(*loop, std::move(signals), std::move(folders), *observatory, std::move(app));
  return io::block_on(*loop, Up::run(self));
}

}  // namespace

int run_up(const UpOptions& options) {
  const auto status = up(options);
  if (!status) print_error(status.error());
  return status.value_or(1);
}

}  // namespace fairlead::cli
