#pragma once

#include <string>
#include <vector>

#include "edge/balancer.h"
#include "edge/origin_pool.h"

namespace fairlead::edge {

// A pool of the snapshot as one loop uses it. It outlives snapshots, because exchanges that began
// under one may try again under the next: `users` counts them.
struct Pool {
  Pool(std::string pool_name, control::Balance balance)
      : name(std::move(pool_name)), kind(balance), balancer(balance) {}

  OriginPool* pick(const OriginPool* avoid) { return balancer.pick(origins, avoid); }

  const std::string name;
  const control::Balance kind;
  std::vector<OriginPool*> origins;
  Balancer balancer;
  std::size_t users = 0;
  bool held = false;               // exchanges wait until it is not
  std::vector<Exchange*> waiting;  // in the order in which they came
  std::uint16_t environment = 0;   // CacheStore::environment_id
};

}  // namespace fairlead::edge
