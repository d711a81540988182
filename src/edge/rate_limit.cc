#include "edge/rate_limit.h"

#include <algorithm>
#include <bit>

namespace fairlead::edge {

RateLimiter::RateLimiter(std::size_t clients)
    : bucket_count_(std::bit_ceil(std::max<std::size_t>(clients, 4)) / 4),
      buckets_(new Bucket[bucket_count_]) {}

RateLimiter::Place& RateLimiter::place_of(Bucket& bucket, std::uint64_t client, std::int64_t now) {
  Place* least = &bucket.places[0];
  for (Place& place : bucket.places) {
    if (place.client == client) return place;
    if (place.paid_at < least->paid_at) least = &place;
  }
  *least = {client, now};
  return *least;
}

RateLimiter::Answer RateLimiter::ask(std::uint64_t client, const RateLimit& limit, Instant now) {
  const std::int64_t time = now.time_since_epoch().count();
  const std::int64_t cost = std::max<std::int64_t>(limit.per.count() / limit.count, 1);
  const std::int64_t credit = cost * limit.burst;
  const std::size_t index = client & (bucket_count_ - 1);
  const std::lock_guard lock(mutexes_[index % mutexes_.size()]);
  Place& place = place_of(buckets_[index], client, time);
  const std::int64_t paid_at = std::max(place.paid_at, time) + cost;
  if (paid_at - time > credit) {
    return {.allowed = false,
            .retry_after = Duration(paid_at - time - credit),
            .remaining = 0,
            .reset = Duration(place.paid_at - time)};
  }
  place.paid_at = paid_at;
  return {.allowed = true,
          .retry_after = Duration(0),
          .remaining = static_cast<std::uint32_t>((credit - (paid_at - time)) / cost),
          .reset = Duration(paid_at - time)};
}

}  // namespace fairlead::edge
