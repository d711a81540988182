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

control::Pool ReplicaSet::pool() const {
  control::Pool pool = pool_;
  const std::string environment = pool.name.substr(0, pool.name.rfind('/') + 1);
  for (const auto& replica : replicas_)
    if (replica->ready())
      pool.origins.push_back({.id = environment + replica->spec().command.name,
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
  return nullptr;
}

}  // namespace fairlead::supervise
