// Snapshots without a control: in a cluster the engine starts and ends replicas, and its DNS says
// where they are.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "control/snapshot.h"
#include "io/task.h"
#include "io/worker.h"

namespace fairlead::edge {

// What `fairlead edge --follow FILE` reads: a snapshot whose pools have no origins yet, and the
// name of each pool's replicas.
//
//   {"snapshot": {…}, "names": {"shop/production/web": "tasks.web:8080"}}
//
// A name is "HOST:PORT" (all A and AAAA records) or "srv:_http._tcp.web" (SRV: port and weight
// too).
class Follower {
 public:
  explicit Follower(std::filesystem::path file) : file_(std::move(file)) {}

  // Reads the file and asks for all names. A name that there is not has no replicas; where the
  // DNS does not answer, those known before are kept. kInvalid for a file that is wrong.
  io::Task<Result<control::Snapshot>> look(io::Loop& loop);

  // How long to wait between two looks: a change is seen within this time and the answer's.
  static constexpr Duration kInterval = 500ms;

 private:
  io::Task<void> find(io::Loop& loop, const std::string& name, control::Pool& pool);

  const std::filesystem::path file_;
  io::Worker resolver_{"resolve"};
  std::map<std::string, std::vector<control::Origin>> known_;  // by pool
};

// Whether two snapshots lead to the same replicas by the same routes; versions do not count.
bool same_but_for_version(control::Snapshot a, control::Snapshot b);

}  // namespace fairlead::edge
