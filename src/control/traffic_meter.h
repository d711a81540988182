// From the edge's counters to the traffic of an environment or a release.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "control/deployment.h"

namespace fairlead::control {

// Counters only grow here, though origins come and go at the edge, and an edge that is started
// again begins at zero.
class TrafficMeter {
 public:
  // Takes what GET /counters of the edge answers; kProtocol when it is not that.
  Result<> take(std::string_view counters);

  // What was counted up to now for the pools whose names begin with `pools`
  // ("visitors/production/"), of one release ("v3") or of all (""); of all with what the edge
  // answered without any origin.
  Traffic total(std::string_view pools, std::string_view release) const;
  // p50 and p99 since the last call for these pools; total() has those since the beginning.
  void mark(std::string_view pools);
  Traffic since_mark(std::string_view pools) const;

 private:
  using Durations = std::map<std::uint64_t, std::uint64_t>;  // upper bound in µs → count
  struct Counts {
    std::uint64_t requests = 0, failed = 0, retried = 0, held = 0;
    Durations durations;
    void add(const Counts& other);
    Traffic traffic() const;
  };
  struct Origin {
    std::string pool, release;
    Counts before;  // of edges that have ended
    Counts last;
  };
  Counts sum(std::string_view pools, std::string_view release) const;

  std::map<std::string, Origin> origins_;  // by id and address
  Origin without_origin_;
  std::map<std::string, Counts, std::less<>> marks_;  // by pools
};

}  // namespace fairlead::control
