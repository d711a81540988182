#pragma once

#include <memory>
#include <vector>

#include "edge/health_checker.h"
#include "edge/listeners.h"
#include "edge/plan.h"
#include "edge/worker.h"
#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"
#include "telemetry/log.h"

namespace fairlead::edge {

// The data plane: its workers, each a loop on a thread of its own, and what they share. Lives on a
// loop that carries no traffic: snapshots, health checks, counters.
class Edge {
 public:
  // `loops` is fixed for the edge's life; 0 is one per core that this process may use. It listens
  // nowhere before the first apply().
  static Result<std::unique_ptr<Edge>> create(io::Loop& loop, std::size_t loops,
                                              telemetry::Log& log);
  ~Edge();  // after drain()

  // Makes `snapshot` effective on all loops, each between two requests, and returns when all have
  // it. On failure nothing has changed: kInvalid, kExists (an address is in use), kSystem.
  io::Task<Result<>> apply(control::Snapshot snapshot);
  const control::Snapshot& snapshot() const { return plan_->snapshot(); }
  const Plan& plan() const { return *plan_; }

  // Stops accepting, finishes what is in flight for at most `patience`, then cuts it off.
  io::Task<void> drain(Duration patience);
  // Returns when no loop has a request of this origin in flight; kTimeout. An unknown id has none.
  io::Task<Result<>> origin_idle(std::string id, io::Deadline deadline);

  // The access log, and the guard's.
  Result<> reopen_logs();

  const std::vector<Listeners::Opened>& listening() const { return listeners_.open(); }
  // The plan's origins, and former ones that still have requests in flight or left recently.
  std::vector<TargetPtr> targets() const;
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  Guard& guard() { return shared_.guard; }
  const AccessLog& access_log() const { return shared_.access_log; }

 private:
  Edge(io::Loop& loop, telemetry::Log& log);
  io::Task<void> hand_out(PlanPtr plan, Listeners::Change change);
  void keep_former(const Plan& next);

  io::Loop& loop_;
  telemetry::Log& log_;
  WorkerShared shared_;
  HealthChecker health_;
  Listeners listeners_;
  PlanPtr plan_;
  std::vector<TargetPtr> former_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::string access_log_path_;
  io::Event not_applying_;
};

}  // namespace fairlead::edge
