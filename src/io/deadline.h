// When a wait gives up: at a time, or when its owner is told to stop. A value, passed down through
// every call that waits, so that one budget covers all steps of one piece of work.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace fairlead::io {

class Stop;

class Deadline {
 public:
  static Deadline at(Instant time) { return Deadline(time, nullptr); }
  static Deadline in(Duration duration) { return Deadline(fairlead::now() + duration, nullptr); }
  // Only for waits that something else is sure to end.
  static Deadline never() { return Deadline(Instant::max(), nullptr); }

  // The same deadline, ended early (kCancelled) by `stop`, which must outlive the wait.
  Deadline or_when(Stop& stop) const { return Deadline(time_, &stop); }
  // The same stop, but no later than `duration` from now.
  Deadline within(Duration duration) const {
    return Deadline(std::min(time_, fairlead::now() + duration), stop_);
  }

  Instant time() const { return time_; }
  Stop* stop() const { return stop_; }
  bool passed() const { return time_ != Instant::max() && fairlead::now() >= time_; }

 private:
  Deadline(Instant time, Stop* stop) : time_(time), stop_(stop) {}
  Instant time_;
  Stop* stop_;
};

}  // namespace fairlead::io
