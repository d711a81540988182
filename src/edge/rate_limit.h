// Limits on how often a client may ask, in memory that no number of clients can grow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/clock.h"

namespace fairlead::edge {

// `count` requests in each `per`, evenly; a client that was quiet may make `burst` at once.
struct RateLimit {
  std::uint32_t count = 1;
  Duration per = 1s;
  std::uint32_t burst = 1;
};

// The generic cell rate algorithm: of each client only the time is kept at which all it asked for
// will have been paid off. The table has a fixed number of places; a newcomer takes an unused one
// or the place of whoever owes least, so an attack from many addresses displaces those that are
// nearly free to go anyway, and whoever asks too much stays known. Any thread.
class RateLimiter {
 public:
  // `clients` that can be known at once (16 bytes each), rounded up to a power of two.
  explicit RateLimiter(std::size_t clients = 1 << 16);

  struct Answer {
    bool allowed = true;
    Duration retry_after{0};      // when not allowed
    std::uint32_t remaining = 0;  // how many more would be allowed now
    Duration reset{0};            // until the client has its whole burst again
  };
  // Counts a request of `client` against `limit`.
  Answer ask(std::uint64_t client, const RateLimit& limit, Instant now);

  std::size_t bytes() const { return bucket_count_ * sizeof(Bucket); }

 private:
  struct Place {
    std::uint64_t client = 0;
    std::int64_t paid_at = 0;  // nanoseconds of Instant; past: the place is free
  };
  // One cache line.
  struct alignas(64) Bucket {
    std::array<Place, 4> places;
  };
  static Place& place_of(Bucket& bucket, std::uint64_t client, std::int64_t now);

  std::size_t bucket_count_;
  std::unique_ptr<Bucket[]> buckets_;
  std::array<std::mutex, 64> mutexes_;  // each for the buckets of equal remainder
};

}  // namespace fairlead::edge
