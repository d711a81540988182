#include "edge/connection_counts.h"

#include <algorithm>

namespace fairlead::edge {

ConnectionCounts::ConnectionCounts() : counts_(new std::atomic<std::uint32_t>[2 * kRow]) {}

bool ConnectionCounts::enter(std::uint64_t who, std::uint32_t limit) {
  const std::uint32_t a = first(who).fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t b = second(who).fetch_add(1, std::memory_order_relaxed);
  if (std::min(a, b) < limit) return true;
  leave(who);
  return false;
}

void ConnectionCounts::leave(std::uint64_t who) {
  first(who).fetch_sub(1, std::memory_order_relaxed);
  second(who).fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace fairlead::edge
