// Waiting inside one loop's thread: Stop, Event, Gate, sleep. Nothing here is thread-safe; other
// threads use Loop::post.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <type_traits>

#include "base/error.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::io {

// A doubly linked list node that takes itself out when destroyed.
struct Link {
  Link* previous = this;
  Link* next = this;
  Link() = default;
  Link(const Link&) = delete;
  ~Link() { unlink(); }
  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
  }
  void insert_before(Link& place) {
    unlink();
    previous = place.previous;
    next = &place;
    previous->next = this;
    place.previous = this;
  }
  bool linked() const { return next != this; }
};

// One suspended coroutine: it is woken once, by what it waits for, by its deadline, or by its Stop.
class Waiter : private Link {
 public:
  explicit Waiter(Loop& loop);
  // Suspends `coroutine` until wake() or the deadline.
  void suspend(std::coroutine_handle<> coroutine, Deadline deadline);
  // Resumes the coroutine at the end of this iteration. Harmless when nothing waits.
  void wake();
  bool waiting() const { return static_cast<bool>(coroutine_); }
  // Why it woke: ok, kTimeout or kCancelled.
  Result<> outcome() const;

 private:
  friend class Stop;
  void finish(Code code);
  Loop& loop_;
  Timer timer_;
  std::coroutine_handle<> coroutine_;
  Code code_ = Code::kInternal;
  bool failed_ = false;
};

// "Give up now": set once, seen by every wait whose Deadline carries it.
class Stop {
 public:
  Stop() = default;
  Stop(const Stop&) = delete;
  void request();
  bool requested() const { return requested_; }

 private:
  friend class Waiter;
  Link waiters_;
  bool requested_ = false;
};

// Something that happens, for any number of waiters. Stays set until reset().
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  ~Event();
  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  // ok when set; kTimeout or kCancelled otherwise.
  Task<Result<>> wait(Deadline deadline);

 private:
  struct Waiting;
  Loop& loop_;
  Link waiting_;
  bool set_ = false;
};

// Every task that nobody awaits is spawned through a Gate; its owner waits for all of them before
// it dies.
class Gate {
 public:
  explicit Gate(Loop& loop) : empty_(loop) { empty_.set(); }
  ~Gate();  // aborts if tasks are still running: that would be a use after free

  // Starts the task now, on the caller's stack, until its first suspension. Refused (the task is
  // destroyed unrun, false) once the gate is closed.
  bool spawn(Task<void> task);
  void close() { closed_ = true; }
  bool closed() const { return closed_; }
  std::size_t running() const { return running_; }
  // Waits until no task runs; does not close.
  Task<Result<>> drained(Deadline deadline);

 private:
  Event empty_;
  std::size_t running_ = 0;
  bool closed_ = false;
};

// ok after `duration`; kCancelled when `until` is stopped, kTimeout when it passes first.
Task<Result<>> sleep(Loop& loop, Duration duration, Deadline until = Deadline::never());

// Runs the loop until the task is done: for main() and tests.
template <typename T>
T block_on(Loop& loop, Task<T> task);

}  // namespace fairlead::io

#include "io/block_on.inl"
