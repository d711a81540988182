#include "edge/edge.h"

#include <sched.h>

#include "base/file.h"

namespace fairlead::edge {

namespace {

// Counters of origins that have left stay readable for this many.
constexpr std::size_t kMaxFormer = 256;
constexpr Duration kIdlePoll = 10ms;

std::size_t usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
}

}  // namespace

Result<std::unique_ptr<Edge>> Edge::create(io::Loop& loop, std::size_t loops, telemetry::Log& log) {
  std::unique_ptr<Edge> edge(new Edge(loop, log));
  const std::size_t count = loops != 0 ? loops : usable_cores();
  TRY(edge->plan_, Plan::make({}, count, nullptr));
  for (std::size_t i = 0; i < count; ++i) {
    TRY(auto worker, Worker::create(i, edge->shared_, edge->plan_));
    edge->workers_.push_back(std::move(worker));
  }
  for (auto& worker : edge->workers_) worker->start_thread();
  return edge;
}

Edge::Edge(io::Loop& loop, telemetry::Log& log)
    : loop_(loop),
      log_(log),
      health_(loop,
              [this](const Target& target) {
                log_.info(target.ready ? "origin is ready" : "origin is not ready",
                          {{"origin", target.spec.id}, {"release", target.spec.release}});
              }),
      not_applying_(loop) {
  not_applying_.set();
  shared_.report_unready = [this](TargetPtr target) {
    loop_.post([this, target = std::move(target)] {
      log_.warn("origin refuses connections",
                {{"origin", target->spec.id}, {"release", target->spec.release}});
      health_.suspect(target);
    });
  };
}

Edge::~Edge() {
  for (auto& worker : workers_) worker->drain(Duration(0));
  for (auto& worker : workers_) worker->join();
  if (shared_.cache) shared_.cache->close();
}

io::Task<Result<>> Edge::apply(control::Snapshot snapshot) {
  while (!not_applying_.is_set()) {
    CO_TRY_VOID(co_await not_applying_.wait(io::Deadline::never()));
  }
  CO_TRY(PlanPtr plan, Plan::make(std::move(snapshot), workers_.size(), plan_.get()));
  CO_TRY(Listeners::Change change, listeners_.prepare(plan->snapshot().listeners, workers_.size()));
  const control::Snapshot& next = plan->snapshot();
  if (next.access_log != access_log_path_ ||
      next.access_log_format != shared_.access_log.format()) {
    CO_TRY_VOID(shared_.access_log.open(next.access_log, next.access_log_format));
    access_log_path_ = next.access_log;
  }
  const auto caches = [](const control::Route& route) { return route.cache.enabled; };
  if (!shared_.cache && std::ranges::any_of(plan->snapshot().routes, caches)) {
    CacheStore::Settings settings{.budget = plan->snapshot().cache_memory,
                                  .folder = plan->snapshot().cache_folder,
                                  .disk = plan->snapshot().cache_disk};
    if (!settings.folder.empty()) CO_TRY_VOID(make_directories(settings.folder, 0700));
    shared_.cache = std::make_unique<CacheStore>(std::move(settings));
  }
  const auto limits = [](const control::Route& route) { return route.limit.count != 0; };
  if (!shared_.rate_limiter && std::ranges::any_of(plan->snapshot().routes, limits)) {
    shared_.rate_limiter = std::make_unique<RateLimiter>();
  }
  CO_TRY_VOID(shared_.guard.prepare(plan->snapshot()));
  not_applying_.reset();
  listeners_.commit(change.open);
  keep_former(*plan);
  plan_ = plan;
  health_.watch(*plan);
  co_await hand_out(std::move(plan), std::move(change));
  not_applying_.set();
  co_return Result<>();
}

Result<> Edge::reopen_logs() {
  TRY_VOID(shared_.access_log.reopen());
  return shared_.guard.log().reopen();
}

io::Task<void> Edge::hand_out(PlanPtr plan, Listeners::Change change) {
  io::Event all_taken(loop_);
  std::size_t missing = workers_.size();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->take_plan(plan, std::move(change.per_loop[i]), [this, &missing, &all_taken] {
      loop_.post([&missing, &all_taken] {
        if (--missing == 0) all_taken.set();
      });
    });
  }
  [[maybe_unused]] const auto taken = co_await all_taken.wait(io::Deadline::never());
}

void Edge::keep_former(const Plan& next) {
  std::vector<TargetPtr> now;
  for (const auto& pool : next.targets()) now.insert(now.end(), pool.begin(), pool.end());
  for (const auto& pool : plan_->targets()) {
    for (const TargetPtr& target : pool) {
      if (std::ranges::find(now, target) == now.end()) former_.push_back(target);
    }
  }
  // The oldest go first, but none that still has requests.
  std::size_t surplus = former_.size() > kMaxFormer ? former_.size() - kMaxFormer : 0;
  std::erase_if(former_, [&](const TargetPtr& target) {
    if (surplus == 0 || target->in_flight() > 0) return false;
    --surplus;
    return true;
  });
}

std::vector<TargetPtr> Edge::targets() const {
  std::vector<TargetPtr> all;
  for (const auto& pool : plan_->targets()) all.insert(all.end(), pool.begin(), pool.end());
  all.insert(all.end(), former_.begin(), former_.end());
  return all;
}

io::Task<Result<>> Edge::origin_idle(std::string id, io::Deadline deadline) {
  for (;;) {
    const std::vector<TargetPtr> all = targets();
    const bool busy = std::ranges::any_of(all, [&](const TargetPtr& target) {
      return target->spec.id == id && target->in_flight() > 0;
    });
    if (!busy) co_return Result<>();
    CO_TRY_VOID(co_await io::sleep(loop_, kIdlePoll, deadline));
  }
}

io::Task<void> Edge::drain(Duration patience) {
  for (auto& worker : workers_) worker->drain(patience);
  co_await health_.stop();
  // The threads end by themselves; joining them waits, but nothing else is left for this loop.
  for (auto& worker : workers_) worker->join();
}

}  // namespace fairlead::edge
