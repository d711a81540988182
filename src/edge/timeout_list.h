#pragma once

#include "base/clock.h"
#include "io/loop.h"
#include "io/sync.h"

namespace fairlead::edge {

// Something that waits for at most one thing at a time. Being destroyed cancels the wait.
class Timed : public io::Link {
 public:
  // Called once, from the loop, when the time has come. May destroy the object.
  virtual void on_timeout() = 0;
  void cancel_timeout() { unlink(); }

 protected:
  ~Timed() = default;

 private:
  friend class TimeoutList;
  Instant due_{};
};

// Everything that waits for the same kind of thing (a head, a response, …) and so for the same
// time: a list in order of arrival is a list in order of time, and arming costs two pointers where
// a heap would cost a walk for each request.
class TimeoutList {
 public:
  explicit TimeoutList(io::Loop& loop) : loop_(loop), timer_(loop, [this] { expire(); }) {}

  // Moves `timed` here from whichever list it is in. An entry that is given less time than others
  // before it (the timeout was changed by a new snapshot) is sorted in.
  void arm(Timed& timed, Duration timeout) {
    timed.due_ = loop_.now() + timeout;
    io::Link* place = &entries_;
    timed.unlink();
    while (place->previous != &entries_ &&
           static_cast<Timed*>(place->previous)->due_ > timed.due_) {
      place = place->previous;
    }
    timed.insert_before(*place);
    if (!timer_.armed() || (place != &entries_ && entries_.next == &timed)) timer_.arm(timed.due_);
  }

 private:
  void expire() {
    while (entries_.linked()) {
      auto& first = *static_cast<Timed*>(entries_.next);
      if (first.due_ > loop_.now()) {
        timer_.arm(first.due_);
        return;
      }
      first.unlink();
      first.on_timeout();
    }
  }

  io::Loop& loop_;
  io::Link entries_;
  io::Timer timer_;
};

}  // namespace fairlead::edge
