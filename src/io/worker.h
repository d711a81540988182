// A thread for calls that block (SQLite, getaddrinfo, large files), used from a loop's coroutines.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>

#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"

namespace fairlead::io {

// Work runs in the order in which it was given, one at a time.
class Worker {
 public:
  explicit Worker(std::string name);  // shown by ps and perf, at most 15 characters
  ~Worker();                          // finishes what was given, then joins
  Worker(const Worker&) = delete;

  // Runs `work` on the worker's thread and gives its result on `loop`'s. The caller stays until it
  // is done: work that has begun cannot be taken back, so there is no deadline here; give the work
  // one of its own.
  template <typename F>
  Task<std::invoke_result_t<F&>> run(Loop& loop, F work);

  // Without waiting: `work` runs some time later. Any thread.
  void submit(std::move_only_function<void()> work);

 private:
  void main();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  bool ending_ = false;
  std::thread thread_;
};

template <typename F>
Task<std::invoke_result_t<F&>> Worker::run(Loop& loop, F work) {
  using R = std::invoke_result_t<F&>;
  struct Awaiter {
    Worker& worker;
    Loop& loop;
    F& work;
    std::optional<R> result;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      worker.submit([this, caller] {
        result.emplace(work());
        loop.post([caller] { caller.resume(); });
      });
    }
    R await_resume() { return std::move(*result); }
  };
  co_return co_await Awaiter{*this, loop, work, std::nullopt};
}

}  // namespace fairlead::io
