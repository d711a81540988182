#include "supervise/replica_set.h"

#include <fmt/format.h>

namespace fairlead::supervise {

ReplicaSet::ReplicaSet(const Surroundings& surroundings, ProcessSpec spec, control::Pool pool,
                       std::function<void()> on_change)
    : surroundings_(surroundings),
      spec_(std::move(spec)),
      pool_(std::move(pool)),
      on_change_(std::move(on_change)) {}

Result<> ReplicaSet::grow(unsigned count) {
  while (replicas_.size() < count) {
    ProcessSpec spec = spec_;
    spec.command.name = fmt::format("{}.{}", spec.type, replicas_.size() + 1);
    if (!spec.release.empty()) spec.command.name += "." + spec.release;
    auto replica = std::make_unique<Process>(surroundings_, std::move(spec), on_change_);
    TRY_VOID(replica->start());
    replicas_.push_back(std::move(replica));
  }
  return {};
}

io::Task<Result<>> ReplicaSet::until_ready(io::Deadline deadline) {
  for (auto& replica : replicas_)
    if (auto ready = co_await replica->until_ready(deadline); !ready)
      co_return fail(std::move(ready).error().in(replica->spec().command.name));
  co_return Result<>();
}

namespace {

io::Task<void> stop_one(Process& process) { co_await process.stop(); }

}  // namespace

io::Task<void> ReplicaSet::stop() {
  io::Gate gate(surroundings_.loop);
  for (auto& replica : replicas_) gate.spawn(stop_one(*replica));
  static_cast<void>(co_await gate.drained(io::Deadline::never()));
}

io::Task<void> ReplicaSet::retire(std::string origin, Process& replica, const Idle& idle) {
  co_await idle(std::move(origin));
  co_await replica.stop();
}

io::Task<void> ReplicaSet::shrink(unsigned count, Idle idle) {
  if (replicas_.size() <= count) co_return;
  io::Gate gate(surroundings_.loop);
  for (std::size_t i = count; i < replicas_.size(); ++i)
    gate.spawn(retire(origin_of(*replicas_[i]), *replicas_[i], idle));
  static_cast<void>(co_await gate.drained(io::Deadline::never()));
  replicas_.resize(count);
}

std::string ReplicaSet::origin_of(const Process& replica) const {
  return pool_.name.substr(0, pool_.name.rfind('/') + 1) + replica.spec().command.name;
}

control::Pool ReplicaSet::pool(unsigned most) const {
  control::Pool pool = pool_;
  for (const auto& replica : replicas_)
    if (replica->ready() && pool.origins.size() < most)
      pool.origins.push_back({.id = origin_of(*replica),
                              .address = replica->address().to_string(),
                              .release = spec_.release});
  return pool;
}

std::vector<control::ProcessStatus> ReplicaSet::statuses() const {
  std::vector<control::ProcessStatus> statuses;
  for (const auto& replica : replicas_) statuses.push_back(replica->status());
  return statuses;
}

const Process* ReplicaSet::failed() const {
  for (const auto& replica : replicas_)
    if (!replica->ready() && replica->failure()) return replica.get();
  for (const auto& replica : replicas_)
    if (replica->failure()) return replica.get();
  return nullptr;
}

}  // namespace fairlead::supervise
