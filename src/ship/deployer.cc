#include "ship/deployer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fault.h"
#include "io/sync.h"

namespace fairlead::ship {

using control::DeploymentCause;
using control::DeploymentState;
using control::Release;
using control::Traffic;

namespace {

// Longer than any step goes without a note in the ledger.
constexpr Duration kLease = std::chrono::minutes(20);
constexpr Duration kSnapshot = 10s;
constexpr unsigned kMostWeight = 1000;  // that the edge takes

struct Outcome {
  DeploymentCause cause = DeploymentCause::kNone;
  std::string message;
};

Traffic difference(const Traffic& later, const Traffic& earlier) {
  Traffic between = later;
  between.requests -= std::min(earlier.requests, later.requests);
  between.failed -= std::min(earlier.failed, later.failed);
  between.retried -= std::min(earlier.retried, later.retried);
  between.held -= std::min(earlier.held, later.held);
  return between;
}

double error_rate(const Traffic& traffic) {
  return traffic.requests == 0
             ? 0
             : static_cast<double>(traffic.failed) / static_cast<double>(traffic.requests);
}

// Why the new release is worse than what was before; nothing if it is not.
std::optional<std::string> worse(const Traffic& before, const Traffic& after, const Watch& watch) {
  if (after.requests < watch.least) return std::nullopt;
  const double rate = error_rate(after);
  if (rate > watch.max_error_rate && rate > error_rate(before))
    return fmt::format("{} of {} requests failed ({:.1f} %; before {:.1f} %, allowed {:.1f} %)",
                       after.failed, after.requests, rate * 100, error_rate(before) * 100,
                       watch.max_error_rate * 100);
  const bool comparable = before.requests >= watch.least && before.p99 > Duration(0);
  if (comparable && after.p99 > 5ms &&
      static_cast<double>(after.p99.count()) >
          watch.max_slower * static_cast<double>(before.p99.count()))
    return fmt::format("p99 is {} (before {}, allowed {:.1f} times as much)", human(after.p99),
                       human(before.p99), watch.max_slower);
  return std::nullopt;
}

}  // namespace

// One deployment from its lease to its record.
class Deployer::Run {
 public:
  Run(Deployer& deployer, DeployRequest request, OnStep on_step)
      : loop_(deployer.loop_),
        ledger_(deployer.ledger_),
        fleet_(deployer.fleet_),
        deployer_(deployer),
        request_(std::move(request)),
        on_step_(std::move(on_step)) {}

  io::Task<Result<Deployment>> operator()() {
    const auto& release = request_.release;
    CO_TRY(old_, co_await ledger_.live(release.environment));
    deployment_ = {.environment = release.environment,
                   .kind = request_.kind,
                   .from = old_ ? old_->number : 0,
                   .to = release.number,
                   .by = request_.by,
                   .at = wall_now()};
    fault_point("before the lease");
    auto begun = co_await ledger_.begin(deployment_, kLease);
    fault_point("after the lease");
    if (!begun) {
      if (begun.error().code() != Code::kExists) co_return fail(std::move(begun).error());
      deployment_.state = DeploymentState::kFailed;
      deployment_.cause = DeploymentCause::kLeaseHeld;
      deployment_.message = begun.error().message();
      co_return deployment_;
    }
    deployment_ = *std::move(begun);
    co_return co_await carry_out();
  }

 private:
  io::Task<Result<Deployment>> carry_out() {
    before_ = (co_await fleet_.traffic(0, soon())).value_or(Traffic{});
    Outcome outcome = co_await until_switched();
    switched_ |= outcome.cause == DeploymentCause::kNone;
    if (outcome.cause == DeploymentCause::kNone) outcome = co_await watch();
    if (outcome.cause == DeploymentCause::kNone) {
      deployment_.state = DeploymentState::kSucceeded;
      deployment_.message = fmt::format("{} is live", request_.release.name());
    } else {
      deployment_.state = switched_ ? DeploymentState::kRolledBack : DeploymentState::kFailed;
      deployment_.cause = outcome.cause;
      deployment_.message = outcome.message;
      deployment_.failure = fleet_.evidence(request_.release.number);
      co_await undo();
    }
    deployment_.duration = now() - began_;
    // The commit: from here on the new release is what must run.
    fault_point("before the commit");
    CO_TRY_VOID(co_await ledger_.finish(deployment_));
    fault_point("after the commit");
    if (deployment_.state == DeploymentState::kSucceeded)
      co_await retire_all_but(request_.release.number);
    fault_point("at the end");
    co_return deployment_;
  }

  // ---- forward

  io::Task<Outcome> until_switched() {
    const io::Deadline deadline = io::Deadline::in(request_.timeout);
    fault_point("before preparing");
    if (auto ok = co_await fleet_.prepare(request_.release); !ok)
      co_return Outcome{DeploymentCause::kOther, ok.error().message()};
    fault_point("after preparing");
    co_await step("prepare",
                  fmt::format("{} ({})", request_.release.name(), request_.release.version));
    if (auto failed = co_await migrate(deadline)) co_return *std::move(failed);
    if (request_.strategy == Strategy::kCanary) co_return co_await canary(deadline);
    auto ok = request_.strategy == Strategy::kRolling ? co_await roll(deadline)
                                                      : co_await switch_at_once(deadline);
    co_return ok ? Outcome{} : not_ready(ok.error());
  }

  // Brings the database to what the release needs; nothing is returned when it went well.
  io::Task<std::optional<Outcome>> migrate(io::Deadline deadline) {
    const unsigned number = request_.release.number;
    const auto failed = [](const Error& error) {
      return Outcome{DeploymentCause::kMigrationFailed, error.message()};
    };
    if (!request_.down_to.empty() && old_) {
      auto down = co_await fleet_.migrate_down(old_->number, request_.down_to, deadline);
      if (!down) co_return failed(down.error());
      co_await step("migrate down", fmt::format("schema {}", request_.down_to));
    }
    if (request_.run_release_command) {
      fault_point("before the release command");
      if (auto ok = co_await fleet_.run_release_command(number, deadline); !ok)
        co_return Outcome{DeploymentCause::kMigrationFailed, ok.error().message()};
      fault_point("after the release command");
      co_await step("release command", "done");
      auto schema = co_await fleet_.schema(number, deadline);
      if (!schema) co_return failed(schema.error());
      request_.release.schema = *std::move(schema);
      if (auto kept = co_await ledger_.note_schema(request_.release); !kept)
        co_return failed(kept.error());
    }
    co_return std::nullopt;
  }

  // Replica by replica: a new one takes the place of an old one as soon as it is ready.
  io::Task<Result<>> roll(io::Deadline deadline) {
    std::vector<Group> old_groups = groups_of_old();
    std::vector<Group> routed;
    for (const Group& group : fleet_.wanted(request_.release.number)) {
      routed.push_back({group.release, group.type, 0});
      for (unsigned count = 1; count <= group.count; ++count) {
        CO_TRY_VOID(co_await start({group.release, group.type, count}, deadline));
        routed.back().count = count;
        for (Group& old : old_groups)
          if (old.type == group.type)
            old.count = count < group.count ? std::min(old.count, group.count - count) : 0;
        std::vector<Group> now_routed = routed;
        now_routed.insert(now_routed.end(), old_groups.begin(), old_groups.end());
        CO_TRY_VOID(co_await route(now_routed, deadline.within(kSnapshot)));
        co_await step("switch", fmt::format("{}.{} takes requests ({} of {})", group.type, count,
                                            count, group.count));
      }
    }
    // Process types that the new release has no more.
    CO_TRY_VOID(co_await route(routed, deadline.within(kSnapshot)));
    co_return Result<>();
  }

  io::Task<Result<>> switch_at_once(io::Deadline deadline) {
    const auto groups = fleet_.wanted(request_.release.number);
    for (const Group& group : groups) {
      CO_TRY_VOID(co_await start(group, deadline));
      co_await step("start", fmt::format("{} × {} ready", group.count, group.type));
    }
    CO_TRY_VOID(co_await route(groups, deadline.within(kSnapshot)));
    co_await step("switch", "all at once");
    co_return Result<>();
  }

  // All new replicas, a share of the requests, and more of them as long as nothing speaks against
  // it.
  io::Task<Outcome> canary(io::Deadline deadline) {
    const auto groups = fleet_.wanted(request_.release.number);
    for (const Group& group : groups)
      if (auto ok = co_await start(group, deadline); !ok) co_return not_ready(ok.error());
    co_await step("start", "all new replicas are ready");
    for (const unsigned share : request_.canary) {
      if (!old_) break;
      auto routed = co_await route(shared(groups, share), deadline.within(kSnapshot));
      if (!routed) co_return not_ready(routed.error());
      switched_ = true;
      co_await step("canary", fmt::format("{} % of the requests", share));
      Traffic seen;
      auto outcome = co_await hold_against_old(seen);
      if (outcome.cause != DeploymentCause::kNone) co_return outcome;
    }
    if (auto ok = co_await route(groups, deadline.within(kSnapshot)); !ok)
      co_return not_ready(ok.error());
    co_await step("switch", "all requests");
    co_return Outcome{};
  }

  // The new groups and the old ones, weighted so that the new ones get `share` per cent.
  std::vector<Group> shared(const std::vector<Group>& groups, unsigned share) const {
    std::vector<Group> both;
    const auto olds = groups_of_old();
    for (Group group : groups) {
      const auto old = std::ranges::find(olds, group.type, &Group::type);
      if (old != olds.end() && old->count > 0 && group.count > 0) {
        Group before = *old;
        // For each type: new weights × new count to old weights × old count is as share to the
        // rest.
        group.weight = share * before.count;
        before.weight = (100 - share) * group.count;
        const unsigned most = std::max({group.weight, before.weight, kMostWeight});
        group.weight = std::max(1u, group.weight * kMostWeight / most);
        before.weight = std::max(1u, before.weight * kMostWeight / most);
        both.push_back(before);
      }
      both.push_back(group);
    }
    return both;
  }

  Outcome not_ready(const Error& error) const {
    const auto evidence = fleet_.evidence(request_.release.number);
    return {evidence ? control::cause_of(*evidence) : DeploymentCause::kUnhealthy, error.message()};
  }

  io::Task<Result<>> start(Group group, io::Deadline deadline) {
    fault_point("before a start");
    auto done = co_await fleet_.start(std::move(group), deadline);
    fault_point("after a start");
    co_return done;
  }

  io::Task<Result<>> route(std::vector<Group> groups, io::Deadline deadline) {
    fault_point("before a switch");
    auto done = co_await fleet_.route(std::move(groups), deadline);
    fault_point("after a switch");
    co_return done;
  }

  // For as long as the window is, or until the new release is worse. Looked at often, so that a bad
  // one is taken back as soon as that is known.
  io::Task<Outcome> hold_against_old(Traffic& seen) {
    const unsigned number = request_.release.number;
    const Instant end = now() + request_.watch.window;
    while (now() < end) {
      static_cast<void>(co_await io::sleep(loop_, std::min<Duration>(end - now(), 200ms)));
      if (const auto failure = fleet_.evidence(number))
        co_return Outcome{
            control::cause_of(*failure),
            fmt::format("a replica of {} failed: {}", request_.release.name(), failure->cause)};
      const auto traffic = co_await fleet_.traffic(number, soon());
      if (!traffic) continue;
      seen = *traffic;
      if (auto why = worse(before_, *traffic, request_.watch))
        co_return Outcome{DeploymentCause::kWorse, fmt::format("{} is worse than before: {}",
                                                               request_.release.name(), *why)};
    }
    co_return Outcome{};
  }

  io::Task<Outcome> watch() {
    const Traffic at_switch = (co_await fleet_.traffic(0, soon())).value_or(Traffic{});
    control::Receipt receipt{.before = before_, .during = difference(at_switch, before_)};
    Outcome outcome;
    if (request_.watch.window > Duration(0)) {
      outcome = co_await hold_against_old(receipt.after);
      co_await step("watch", outcome.cause == DeploymentCause::kNone
                                 ? fmt::format("{} requests, {} failed", receipt.after.requests,
                                               receipt.after.failed)
                                 : outcome.message);
    }
    deployment_.receipt = receipt;
    co_return outcome;
  }

  // ---- back

  // The old release as it was, and nothing of the new one.
  io::Task<void> undo() {
    if (old_) {
      if (auto whole = co_await deployer_.make_whole(*old_, io::Deadline::in(request_.timeout));
          !whole)
        deployment_.message +=
            fmt::format("; and {} is not whole: {}", old_->name(), whole.error().message());
      co_await step("roll back", fmt::format("{} serves", old_->name()));
    } else {
      static_cast<void>(co_await fleet_.route({}, soon()));
    }
    co_await retire_all_but(deployment_.from);
  }

  io::Task<void> retire_all_but(unsigned release) {
    for (Group group : fleet_.running()) {
      if (group.release == release) continue;
      group.count = 0;
      fault_point("before old replicas end");
      static_cast<void>(co_await fleet_.shrink(group, io::Deadline::in(request_.drain)));
      fault_point("after old replicas ended");
    }
  }

  // ----

  std::vector<Group> groups_of_old() const {
    return old_ ? fleet_.wanted(old_->number) : std::vector<Group>();
  }
  io::Deadline soon() const { return io::Deadline::in(kSnapshot); }

  io::Task<void> step(std::string name, std::string detail) {
    control::Step done{std::move(name), std::move(detail), wall_now(), now() - last_step_};
    last_step_ = now();
    deployment_.steps.push_back(done);
    if (on_step_) on_step_(done);
    // A record that cannot be kept now is kept by finish(), or that fails and says so.
    fault_point("before a note");
    static_cast<void>(co_await ledger_.note(deployment_, kLease));
    fault_point("after a note");
  }

  io::Loop& loop_;
  Ledger& ledger_;
  Fleet& fleet_;
  Deployer& deployer_;
  DeployRequest request_;
  OnStep on_step_;
  Deployment deployment_;
  std::optional<Release> old_;
  Traffic before_;
  bool switched_ = false;  // some requests, or all, went to the new release
  Instant began_ = now();
  Instant last_step_ = now();
};

io::Task<Result<Deployment>> Deployer::deploy(DeployRequest request, OnStep on_step) {
  Run run(*this, std::move(request), std::move(on_step));
  co_return co_await run();
}

io::Task<Result<>> Deployer::make_whole(Release release, io::Deadline deadline) {
  CO_TRY_VOID(co_await fleet_.prepare(release));
  const auto groups = fleet_.wanted(release.number);
  for (const Group& group : groups) CO_TRY_VOID(co_await fleet_.start(group, deadline));
  co_return co_await fleet_.route(groups, deadline);
}

io::Task<Result<>> Deployer::recover(EnvironmentName environment, io::Deadline deadline) {
  CO_TRY(const auto unfinished, co_await ledger_.unfinished());
  CO_TRY(const auto live, co_await ledger_.live(environment));
  if (live) CO_TRY_VOID(co_await make_whole(*live, deadline));
  for (Group group : fleet_.running()) {
    if (live && group.release == live->number) continue;
    group.count = 0;
    CO_TRY_VOID(co_await fleet_.shrink(group, deadline));
  }
  // Recorded as ended only now: should this control die as well, the next one finds them again.
  for (Deployment deployment : unfinished) {
    if (deployment.environment != environment) continue;
    deployment.state = DeploymentState::kInterrupted;
    deployment.message = live ? fmt::format("control ended meanwhile; {} serves", live->name())
                              : "control ended meanwhile";
    deployment.duration = wall_now() - deployment.at;
    CO_TRY_VOID(co_await ledger_.finish(deployment));
  }
  co_return Result<>();
}

}  // namespace fairlead::ship
