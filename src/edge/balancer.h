#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "control/snapshot.h"

namespace fairlead::edge {

class OriginPool;

// Chooses among a pool's origins, for one loop. Origins that are not ready are never chosen.
class Balancer {
 public:
  explicit Balancer(control::Balance kind) : kind_(kind) {}

  // The origin for the next request, or null if none is ready. `avoid` (may be null) is chosen only
  // when it is the last one left. Round robin is smooth and weighted: of weights 2 and 1 it makes
  // a b a, a b a, never a a b. Least requests counts those of all loops, in proportion to weights,
  // and goes round among equals.
  OriginPool* pick(const std::vector<OriginPool*>& origins, const OriginPool* avoid);

  // After the list of origins has changed. `offset` makes loops begin at different origins, so that
  // few requests spread over many loops do not all meet the first.
  void reset(const std::vector<OriginPool*>& origins, std::size_t offset);

 private:
  OriginPool* round_robin(const std::vector<OriginPool*>& origins, const OriginPool* avoid);
  OriginPool* least_requests(const std::vector<OriginPool*>& origins, const OriginPool* avoid);

  control::Balance kind_;
  std::vector<std::int64_t> credit_;  // round robin: of each origin
  std::size_t next_ = 0;              // least requests: where the search begins
};

}  // namespace fairlead::edge
