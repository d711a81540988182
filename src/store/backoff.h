// How long to wait before the next try: doubling, capped, jittered.
#pragma once

#include <algorithm>
#include <random>

#include "base/clock.h"

namespace fairlead::store {

// The cap is low because a store's clients are few and its users wait: back within two seconds of
// the store's return.
class Backoff {
 public:
  explicit Backoff(Duration first = 50ms, Duration most = 1s) : first_(first), most_(most) {}

  // The next pause: between half and the whole of a span that doubles each time, so that clients
  // that lost the store together do not come back together.
  Duration next() {
    const Duration span = std::min(first_ * (1L << std::min(tries_++, 20)), most_);
    return span / 2 +
           Duration(std::uniform_int_distribution<Duration::rep>(0, span.count() / 2)(random_));
  }
  void reset() { tries_ = 0; }

 private:
  Duration first_, most_;
  int tries_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace fairlead::store
