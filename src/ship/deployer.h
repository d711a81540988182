// Makes a release live without losing a request, or leaves the old one as it was.
//
//   lease → prepare → release command → for each replica: start, ready, take the place of an old
//   one
//         → watch → commit → stop the old ones
//
// The old replicas get no requests after the switch, but they stand by until the watch is over, so
// that the way back is one snapshot. What is live is what the ledger says: a control that dies
// anywhere leaves the next one either before the commit (the old release is made whole again) or
// after it (the new one is); recover() does both, and is safe to repeat.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/deployment.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"
#include "ship/fleet.h"
#include "ship/ledger.h"

namespace fairlead::ship {

enum class Strategy : std::uint8_t {
  kRolling,    // one replica after the other
  kBlueGreen,  // all new replicas first, then one switch
  kCanary,     // all new replicas first, then a growing share of the requests
};

// What the new release must keep to while it is watched.
struct Watch {
  Duration window{0};            // 0: not watched
  double max_error_rate = 0.01;  // share of failed requests; not worse than before counts as well
  double max_slower = 3.0;       // p99 over that of before
  std::uint64_t least = 20;      // with fewer requests nothing is concluded
};

struct DeployRequest {
  control::DeploymentKind kind = control::DeploymentKind::kDeploy;
  control::Release release;
  std::string by;
  Strategy strategy = Strategy::kRolling;
  std::vector<unsigned> canary;  // per cent of the requests, step by step; each is watched
  Watch watch;
  bool run_release_command = true;
  std::string down_to;  // first the live release undoes its migrations to this schema; "" for no
  Duration timeout = std::chrono::minutes(15);  // for everything up to the switch
  Duration drain = 30s;                         // for requests in flight at old replicas
};

using OnStep = std::function<void(const control::Step&)>;

class Deployer {
 public:
  Deployer(io::Loop& loop, Ledger& ledger, Fleet& fleet)
      : loop_(loop), ledger_(ledger), fleet_(fleet) {}

  // Returns when the outcome is recorded; every outcome but a broken ledger is a Deployment, with
  // its cause and evidence. `on_step` hears of each step when it is done.
  io::Task<Result<control::Deployment>> deploy(DeployRequest request, OnStep on_step);

  // After a start of control: ends what an earlier one was in the middle of, and makes the live
  // release whole: all of its replicas running and routed, nothing else.
  io::Task<Result<>> recover(control::EnvironmentName environment, io::Deadline deadline);

 private:
  class Run;
  io::Task<Result<>> make_whole(control::Release release, io::Deadline deadline);

  io::Loop& loop_;
  Ledger& ledger_;
  Fleet& fleet_;
};

}  // namespace fairlead::ship
