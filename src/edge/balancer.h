#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "control/snapshot.h"

namespace fairlead::edge {

class OriginPool;

// What a request brings to the choice of its origin.
struct Wish {
  std::uint64_t key = 0;     // kHash: the same key goes to the same origin
  std::uint64_t sticky = 0;  // Target::id_hash of the origin that this client stays on; 0: any
  const OriginPool* avoid = nullptr;  // chosen only when it is the last one left
};

// Chooses among a pool's origins, for one loop. Three kinds are left out: origins that are not
// ready (never chosen), those with as many requests in flight as the pool allows (never chosen),
// and those ejected because their answers failed (chosen when nobody else is left: a pool that
// refused all its origins would be down for certain).
//
// Round robin is smooth and weighted: of weights 2 and 1 it makes a b a, a b a, never a a b. Least
// requests counts those of all loops, in proportion to weights, and goes round among equals. Two
// choices takes the less busy of two at random: nearly as even, without looking at all of them.
// Hashing is weighted rendezvous: an origin that comes or goes moves only the keys that are its
// own.
class Balancer {
 public:
  // `rules` outlives it and may change between two calls, but for its kind of balancing.
  explicit Balancer(const control::Pool& rules) : rules_(rules) {}

  // The origin for the next request, or null.
  OriginPool* pick(const std::vector<OriginPool*>& origins, const Wish& wish, Instant now);

  // After the list of origins has changed. `offset` makes loops begin at different origins, so that
  // few requests spread over many loops do not all meet the first.
  void reset(const std::vector<OriginPool*>& origins, std::size_t offset);

 private:
  using Origins = std::vector<OriginPool*>;
  struct Choosing;

  OriginPool* choose(const Origins& origins, const Choosing& among, const Wish& wish);
  OriginPool* round_robin(const Origins& origins, const Choosing& among);
  OriginPool* least_requests(const Origins& origins, const Choosing& among);
  OriginPool* two_choices(const Origins& origins, const Choosing& among);
  OriginPool* by_hash(const Origins& origins, const Choosing& among, std::uint64_t key);
  std::uint64_t random();

  const control::Pool& rules_;
  std::vector<std::int64_t> credit_;  // round robin: of each origin
  std::size_t next_ = 0;              // least requests: where the search begins
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
};

// A well mixed 64-bit hash, the same in every process and on every machine, so that all edges send
// a key to the same origin.
std::uint64_t stable_hash(std::string_view text);
// Of a number: SplitMix64's finalizer.
std::uint64_t stable_bits(std::uint64_t bits);

}  // namespace fairlead::edge
