#pragma once

#include <algorithm>
#include <vector>

#include "edge/balancer.h"
#include "edge/origin_pool.h"

namespace fairlead::edge {

class Exchange;

// A pool of the snapshot as one loop uses it. It outlives snapshots, because exchanges that began
// under one may try again under the next: `users` counts them.
struct Pool {
  explicit Pool(const control::Pool& spec) : rules(spec), balancer(rules) {}

  OriginPool* pick(const Wish& wish, Instant now) { return balancer.pick(origins, wish, now); }
  // Whether one more request may wait here for an origin.
  bool has_room() const { return rules.max_wait_ms != 0 && waiting.size() < rules.max_waiting; }

  // Retries cost what requests bring in: over time they are at most rules.retry_percent of them,
  // with some in hand for the moment in which an origin dies with all it was doing.
  void earn_retry() {
    retries_in_hand = std::min(kMostRetriesInHand, retries_in_hand + rules.retry_percent / 100.0);
  }
  bool take_retry() {
    if (retries_in_hand < 1) return false;
    retries_in_hand -= 1;
    return true;
  }

  // Judges an origin by an answer: leaves it out for a while after too many failures in a row.
  void note(const OriginPool& origin, bool failed, Instant now);

  static constexpr double kMostRetriesInHand = 256;

  control::Pool rules;  // of the newest snapshot
  std::vector<OriginPool*> origins;
  Balancer balancer;
  double retries_in_hand = kMostRetriesInHand;
  std::size_t users = 0;
  std::vector<Exchange*> waiting;  // in the order in which they came
  std::uint16_t environment = 0;   // CacheStore::environment_id
};

}  // namespace fairlead::edge
