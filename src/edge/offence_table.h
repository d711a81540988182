// How often clients misbehaved lately, in memory that no number of clients can grow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/clock.h"

namespace fairlead::edge {

// Counts offences of each client from its first one on, for as long as its rule says. The table has
// a fixed number of places; a newcomer takes an unused one or that of whoever has offended least,
// so a flood of addresses that offend once does not make anybody forgotten who does so again and
// again. Any thread.
class OffenceTable {
 public:
  // `clients` that can be known at once (16 bytes each), rounded up to a power of two.
  explicit OffenceTable(std::size_t clients = 1 << 16);

  // Counts one offence of `who` (number_of()). True, and forgotten, when it is the `limit`th
  // within `within`.
  bool count(std::uint64_t who, std::uint32_t limit, Duration within, Instant now);

  std::size_t bytes() const { return bucket_count_ * sizeof(Bucket); }

 private:
  struct Place {
    std::uint64_t who = 0;
    std::uint32_t ends = 0;  // seconds since the table was made; past: the place is free
    std::uint32_t offences = 0;
  };
  // One cache line.
  struct alignas(64) Bucket {
    std::array<Place, 4> places;
  };

  const Instant made_ = now();
  std::size_t bucket_count_;
  std::unique_ptr<Bucket[]> buckets_;
  std::array<std::mutex, 64> mutexes_;  // each for the buckets of equal remainder
};

}  // namespace fairlead::edge
