#include "edge/offence_table.h"

#include <algorithm>
#include <bit>

namespace fairlead::edge {

OffenceTable::OffenceTable(std::size_t clients)
    : bucket_count_(std::bit_ceil(std::max<std::size_t>(clients, 4)) / 4),
      buckets_(new Bucket[bucket_count_]) {}

bool OffenceTable::count(std::uint64_t who, std::uint32_t limit, Duration within, Instant now) {
  const auto seconds = [](Duration d) {
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(d).count());
  };
  const std::uint32_t time = seconds(now - made_);
  const std::size_t index = who & (bucket_count_ - 1);
  const std::lock_guard lock(mutexes_[index % mutexes_.size()]);
  Place* place = nullptr;
  Place* least = nullptr;
  for (Place& each : buckets_[index].places) {
    if (each.ends <= time) each = {};
    if (each.who == who) place = &each;
    if (!least || each.offences < least->offences) least = &each;
  }
  if (!place) {
    place = least;
    *place = {who, time + seconds(within), 0};
  }
  if (++place->offences < limit) return false;
  *place = {};
  return true;
}

}  // namespace fairlead::edge
