#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "edge/plan.h"
#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"

namespace fairlead::edge {

// Asks every origin of the plan, from the edge's own loop, whether it is healthy, and publishes the
// answer in Target::ready. An origin counts as ready until something says otherwise; one that is
// not is asked at least every 200 ms, so that it is back soon after it has recovered.
class HealthChecker {
 public:
  // `changed` is told of every change that a check makes.
  HealthChecker(io::Loop& loop, std::function<void(const Target&)> changed);
  ~HealthChecker();  // after stop()

  // Checks the origins of `plan` from now on, and no others.
  void watch(const Plan& plan);
  // Somebody found this origin refusing connections: its next check is due now.
  void suspect(const TargetPtr& target);
  io::Task<void> stop();

 private:
  struct Probe;
  static io::Task<Result<bool>> ask(std::shared_ptr<Probe> probe);
  io::Task<void> run(std::shared_ptr<Probe> probe);

  io::Loop& loop_;
  std::function<void(const Target&)> changed_;
  io::Gate gate_;
  std::unordered_map<const Target*, std::shared_ptr<Probe>> probes_;
};

}  // namespace fairlead::edge
