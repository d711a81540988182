#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "control/api.h"
#include "control/snapshot.h"
#include "supervise/process.h"

namespace fairlead::supervise {

// The replicas of one process type: NAME.1, NAME.2, …, all from the same spec.
class ReplicaSet {
 public:
  // `spec` is that of every replica but for its name; `pool` names them for the edge
  // ("visitors/production/web").
  ReplicaSet(const Surroundings& surroundings, ProcessSpec spec, control::Pool pool,
             std::function<void()> on_change);

  // Starts replicas until there are `count`. Does not wait for them.
  Result<> grow(unsigned count);
  // Waits until all are ready; the first that will not be is the error ("web.2: exit status 3 …").
  io::Task<Result<>> until_ready(io::Deadline deadline);
  // Stops all at the same time; returns when none is left.
  io::Task<void> stop();

  const std::string& type() const { return spec_.type; }
  // The ready replicas as the edge shall see them.
  control::Pool pool() const;
  std::vector<control::ProcessStatus> statuses() const;
  // The first that has failed; null if none has. Valid until the next change.
  const Process* failed() const;

 private:
  const Surroundings& surroundings_;
  ProcessSpec spec_;
  control::Pool pool_;
  std::function<void()> on_change_;
  std::vector<std::unique_ptr<Process>> replicas_;
};

}  // namespace fairlead::supervise
