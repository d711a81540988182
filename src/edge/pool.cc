#include "edge/pool.h"

namespace fairlead::edge {

namespace {
constexpr std::uint32_t kLongestEjection = 20;  // times the first
}

void Pool::note(const OriginPool& origin, bool failed, Instant now) {
  const Target& target = origin.target();
  if (!failed) {
    // Loops share these: they are written only where they change.
    if (target.failures_in_a_row.load(std::memory_order_relaxed) != 0) {
      target.failures_in_a_row.store(0, std::memory_order_relaxed);
      target.ejections_in_a_row.store(0, std::memory_order_relaxed);
    }
    return;
  }
  const std::uint32_t failures =
      target.failures_in_a_row.fetch_add(1, std::memory_order_relaxed) + 1;
  if (rules.ejection.failures == 0 || failures < rules.ejection.failures || target.ejected(now))
    return;
  const auto out = static_cast<std::size_t>(std::ranges::count_if(
      origins, [&](const OriginPool* other) { return other->target().ejected(now); }));
  if ((out + 1) * 100 > origins.size() * rules.ejection.most_percent) return;
  const std::uint32_t before = target.ejections_in_a_row.fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t times =
      std::min(before < 5 ? 1u << before : kLongestEjection, kLongestEjection);
  target.failures_in_a_row.store(0, std::memory_order_relaxed);
  target.eject(now + times * rules.ejection.time);
}

}  // namespace fairlead::edge
