// How many connections each client has open, in memory that no number of clients can grow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace fairlead::edge {

// Two rows of counters; a client has one in each, and the lower of the two counts. Two clients are
// taken for one only if they meet in both rows. Lock-free, any thread.
class ConnectionCounts {
 public:
  ConnectionCounts();

  // Counts one more of `who` (number_of()), unless it has `limit` already.
  bool enter(std::uint64_t who, std::uint32_t limit);
  // Once for each enter() that said yes.
  void leave(std::uint64_t who);

  static constexpr std::size_t bytes() { return 2 * kRow * sizeof(std::atomic<std::uint32_t>); }

 private:
  static constexpr std::size_t kRow = 1 << 16;
  std::atomic<std::uint32_t>& first(std::uint64_t who) { return counts_[who & (kRow - 1)]; }
  std::atomic<std::uint32_t>& second(std::uint64_t who) {
    return counts_[kRow + (who >> 32 & (kRow - 1))];
  }
  std::unique_ptr<std::atomic<std::uint32_t>[]> counts_;
};

}  // namespace fairlead::edge
