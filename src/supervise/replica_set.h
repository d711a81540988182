#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "control/api.h"
#include "control/snapshot.h"
#include "supervise/process.h"

namespace fairlead::supervise {

// The replicas of one process type of one release: web.1, web.2, … or, where there are releases,
// web.1.v3, web.2.v3, …; all from the same spec.
class ReplicaSet {
 public:
  // `spec` is that of every replica but for its name; `pool` names them for the edge
  // ("visitors/production/web").
  ReplicaSet(const Surroundings& surroundings, ProcessSpec spec, control::Pool pool,
             std::function<void()> on_change);

  // Starts replicas until there are `count`. Does not wait for them.
  Result<> grow(unsigned count);
  // Ends the newest until there are `count`: first `idle` waits until the edge has no request in
  // flight at a replica (its id for the edge), then that is stopped. All at the same time.
  using Idle = std::function<io::Task<void>(std::string origin)>;
  io::Task<void> shrink(unsigned count, Idle idle);
  unsigned count() const { return static_cast<unsigned>(replicas_.size()); }
  // Waits until all are ready; the first that will not be is the error ("web.2: exit status 3 …").
  io::Task<Result<>> until_ready(io::Deadline deadline);
  // Stops all at the same time; returns when none is left.
  io::Task<void> stop();

  const std::string& type() const { return spec_.type; }
  // The ready replicas as the edge shall see them, at most so many.
  control::Pool pool(unsigned most = ~0u) const;
  std::vector<control::ProcessStatus> statuses() const;
  // One that has failed, rather one that is still not ready; null if none has. Valid until the next
  // change.
  const Process* failed() const;

 private:
  std::string origin_of(const Process& replica) const;
  static io::Task<void> retire(std::string origin, Process& replica, const Idle& idle);

  const Surroundings& surroundings_;
  ProcessSpec spec_;
  control::Pool pool_;
  std::function<void()> on_change_;
  std::vector<std::unique_ptr<Process>> replicas_;
};

}  // namespace fairlead::supervise
