#include "edge/run.h"

#include <sys/resource.h>

#include <csignal>

#include "base/file.h"
#include "edge/admin_server.h"
#include "edge/ban_keeper.h"
#include "edge/follow.h"
#include "io/signals.h"

namespace fairlead::edge {

namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// The last good snapshot, or an empty one on the first start.
Result<control::Snapshot> stored_snapshot(const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text && text.error().code() == Code::kNotFound) return control::Snapshot{};
  if (!text) return fail(std::move(text).error());
  auto snapshot = control::snapshot_from_json(*text);
  if (!snapshot) return fail(std::move(snapshot).error().in(file.native()));
  return snapshot;
}

io::Task<void> handle_signals(io::Signals& signals, Edge& edge, telemetry::Log& log,
                              io::Event& drain_requested, io::Stop& stop) {
  for (;;) {
    const auto signal = co_await signals.next(io::Deadline::never().or_when(stop));
    if (!signal) co_return;
    if (*signal != SIGUSR1) {
      drain_requested.set();
      co_return;
    }
    if (auto reopened = edge.reopen_logs(); !reopened) {
      log.error("cannot reopen the logs", reopened.error());
    }
  }
}

// Applies what the names lead to, whenever that changes.
io::Task<void> follow(io::Loop& loop, Follower& follower, Edge& edge, telemetry::Log& log,
                      io::Stop& stop) {
  std::string complaint;  // said once, not at every look
  for (;;) {
    const auto slept =
        co_await io::sleep(loop, Follower::kInterval, io::Deadline::never().or_when(stop));
    if (!slept) co_return;
    auto seen = co_await follower.look(loop);
    if (seen && same_but_for_version(*seen, edge.snapshot())) continue;
    Result<> applied;
    if (seen) {
      seen->version = edge.snapshot().version + 1;
      applied = co_await edge.apply(*std::move(seen));
    } else {
      applied = fail(std::move(seen).error());
    }
    if (!applied && applied.error().message() != complaint)
      log.error("cannot follow", applied.error());
    complaint = applied ? "" : applied.error().message();
  }
}

io::Task<Result<control::Snapshot>> first_snapshot(io::Loop& loop, Follower* follower,
                                                   std::filesystem::path file) {
  if (follower) co_return co_await follower->look(loop);
  co_return stored_snapshot(file);
}

// Serves with `edge` until somebody asks for the end.
io::Task<Result<>> serve(io::Loop& loop, io::Signals& signals, Edge& edge, Follower* follower,
                         control::Snapshot snapshot, const RunOptions& options,
                         telemetry::Log& log) {
  const std::filesystem::path snapshot_file = options.state / "snapshot.json";
  CO_TRY_VOID(co_await edge.apply(std::move(snapshot)));
  io::Event drain_requested(loop);
  BanKeeper bans(loop, options.state, edge.guard(), log);
  CO_TRY_VOID(bans.serve(edge));
  AdminServer admin(loop, edge, bans, snapshot_file, drain_requested);
  CO_TRY_VOID(admin.serve(options.state / "edge.sock"));
  for (const Listeners::Opened& listener : edge.listening()) {
    log.info("listening", {{"address", listener.address.to_string()}, {"tls", listener.spec.tls}});
  }
  log.info("edge is up", {{"version", edge.snapshot().version}, {"loops", edge.workers().size()}});

  io::Gate gate(loop);
  io::Stop stop;
  gate.spawn(handle_signals(signals, edge, log, drain_requested, stop));
  if (follower) gate.spawn(follow(loop, *follower, edge, log, stop));
  [[maybe_unused]] auto ended = co_await drain_requested.wait(io::Deadline::never());
  log.info("draining");
  co_await admin.stop();
  co_await bans.stop();
  stop.request();
  ended = co_await gate.drained(io::Deadline::never());
  co_return Result<>();
}

io::Task<Result<>> run(io::Loop& loop, const RunOptions& options, telemetry::Log& log) {
  CO_TRY(io::Signals signals, io::Signals::create(loop, {SIGTERM, SIGINT, SIGUSR1}));
  CO_TRY_VOID(make_directories(options.state, 0700));
  // How many loops there are is decided once, by the snapshot that is there at the start.
  std::optional<Follower> followed;
  if (!options.follow.empty()) followed.emplace(options.follow);
  Follower* const follower = followed ? &*followed : nullptr;
  CO_TRY(control::Snapshot snapshot,
         co_await first_snapshot(loop, follower, options.state / "snapshot.json"));
  CO_TRY(auto edge, Edge::create(loop, snapshot.loops, log));
  const Result<> served =
      co_await serve(loop, signals, *edge, follower, std::move(snapshot), options, log);
  co_await edge->drain(served ? options.drain_patience : Duration(0));
  log.info("edge has ended");
  co_return served;
}

}  // namespace

int run_edge(const RunOptions& options) {
  telemetry::Log log(2, telemetry::Level::kInfo, {{"service", "edge"}});
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets without MSG_NOSIGNAL
  auto loop = io::Loop::create();
  if (!loop) {
    log.error("cannot start", loop.error());
    return 1;
  }
  auto served = io::block_on(**loop, run(**loop, options, log));
  if (served) return 0;
  log.error("cannot start", served.error());
  return 1;
}

}  // namespace fairlead::edge
