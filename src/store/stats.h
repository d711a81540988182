// What every store counts of itself.
#pragma once

#include <cstdint>

namespace fairlead::store {

struct Stats {
  std::uint64_t requests = 0;  // transactions or commands, answered, well or not
  std::uint64_t failed = 0;    // of these
  std::uint64_t reconnects = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t connections = 0;  // open now
};

}  // namespace fairlead::store
