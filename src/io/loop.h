// The event loop: one epoll, one timer heap, one thread.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace fairlead::io {

class Loop;

// Told when a descriptor becomes readable or writable. Registered once, edge-triggered for both
// directions: it must read until a short read and write until a short write before it waits again.
class Watcher {
 public:
  // `events` as epoll_wait gives them (EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP). May
  // destroy the watcher itself and any other; the loop drops events of the same batch that belong
  // to unwatched ones.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

// A point in time at which the loop calls back once. Lives inside what it times; the destructor
// cancels. Moving the time later costs nothing (the heap is corrected when the old time comes), so
// a timeout may be re-armed per request.
class Timer {
 public:
  Timer(Loop& loop, std::move_only_function<void()> callback)
      : loop_(&loop), callback_(std::move(callback)) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm(Instant at);
  void cancel();
  bool armed() const { return armed_; }

 private:
  friend class Loop;
  Loop* loop_;
  std::move_only_function<void()> callback_;
  Instant at_{};          // when it should fire
  Instant heap_at_{};     // when the heap thinks so: never later than at_
  std::size_t slot_ = 0;  // place in the heap + 1; 0 when not in it
  bool armed_ = false;
};

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> create();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs on the calling thread until stop(). May be called again afterwards.
  void run();
  // Ends run() after the current iteration. Any thread.
  void stop();

  // Time at the start of this iteration: good enough for timeouts, free of system calls.
  Instant now() const { return now_; }
  // Reads the clock, for those who measure.
  Instant refresh_now() { return now_ = fairlead::now(); }

  // Registers `fd` for EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET. The watcher must be unwatched
  // before it dies. Owner thread only, like everything below.
  Result<> watch(int fd, Watcher& watcher);
  // Level-triggered, for reading only: listeners and other descriptors that are not drained in one
  // go.
  Result<> watch_level(int fd, Watcher& watcher);
  // Takes it out of the epoll set and out of the current batch.
  void unwatch(int fd, Watcher& watcher);

  // Runs `work` at the end of the current iteration, before the loop waits again: to destroy what
  // is still on the stack, or to batch (flushing a log once per iteration).
  void defer(std::move_only_function<void()> work) { deferred_.push_back(std::move(work)); }
  // Resumes a coroutine at the end of the current iteration; never on the caller's stack.
  void resume_later(std::coroutine_handle<> coroutine) { ready_.push_back(coroutine); }

  // Runs `work` on the loop's thread. Any thread.
  void post(std::move_only_function<void()> work);

 private:
  friend class Timer;
  Loop() = default;
  Result<> add(int fd, Watcher& watcher, std::uint32_t events);
  int wait_time() const;
  void run_timers();
  void run_deferred();
  void run_posted();
  void heap_insert(Timer& timer);
  void heap_remove(Timer& timer);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  void place(std::size_t index, Timer* timer);

  UniqueFd epoll_;
  UniqueFd wakeup_;
  Instant now_ = fairlead::now();
  std::vector<Timer*> heap_;
  std::vector<std::move_only_function<void()>> deferred_;
  std::vector<std::coroutine_handle<>> ready_;
  epoll_event batch_[256];
  int batch_size_ = 0;
  int batch_next_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
};

}  // namespace fairlead::io
