// What a deployment needs done by the supervisor and the edge. ship knows neither (DESIGN: the
// arrows); cli stands in the middle and implements this on both.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/deployment.h"
#include "io/deadline.h"
#include "io/task.h"

namespace fairlead::ship {

// Replicas of one process type of one release.
struct Group {
  unsigned release = 0;
  std::string type;  // "web"
  unsigned count = 0;
  unsigned weight = 1;  // of each of its replicas among all that are routed
};

// One environment's processes and their place in the edge's snapshot. One loop's thread.
class Fleet {
 public:
  virtual ~Fleet() = default;

  // Makes a release runnable: artifact unpacked, configuration read, secrets opened. Safe twice.
  virtual io::Task<Result<>> prepare(control::Release release) = 0;
  // Runs its release command to the end. An error is its exit status; the lines are in evidence().
  virtual io::Task<Result<>> run_release_command(unsigned release, io::Deadline deadline) = 0;
  // The version of the database's schema, as the release's own command tells it; "" where it has
  // none.
  virtual io::Task<Result<std::string>> schema(unsigned release, io::Deadline deadline) = 0;
  // Has the release undo its migrations until the schema is that.
  virtual io::Task<Result<>> migrate_down(unsigned release, std::string schema,
                                          io::Deadline deadline) = 0;
  // Which groups the release consists of when it is whole.
  virtual std::vector<Group> wanted(unsigned release) const = 0;
  // Starts replicas until the group has `count` and waits until all of them are ready; they get no
  // requests yet.
  virtual io::Task<Result<>> start(Group group, io::Deadline deadline) = 0;
  // From now on requests go to these groups alone, `count` ready replicas of each. Returns when
  // every loop of the edge has taken it.
  virtual io::Task<Result<>> route(std::vector<Group> groups, io::Deadline deadline) = 0;
  // Waits until none of the group's replicas but the first `count` has a request in flight, then
  // stops those others. At the deadline they are stopped all the same (kTimeout).
  virtual io::Task<Result<>> shrink(Group group, io::Deadline deadline) = 0;
  // Everything that runs in this environment, whatever release it is of.
  virtual std::vector<Group> running() const = 0;

  // What the edge counted so far: of one release, or of the whole environment (release 0).
  virtual io::Task<Result<control::Traffic>> traffic(unsigned release, io::Deadline deadline) = 0;
  // Of what went wrong last in this release.
  virtual std::optional<control::Failure> evidence(unsigned release) const = 0;
};

}  // namespace fairlead::ship
