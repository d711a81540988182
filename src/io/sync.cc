#include "io/sync.h"

#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace fairlead::io {

// ---- Waiter

Waiter::Waiter(Loop& loop) : loop_(loop), timer_(loop, [this] { finish(Code::kTimeout); }) {}

void Waiter::suspend(std::coroutine_handle<> coroutine, Deadline deadline) {
  coroutine_ = coroutine;
  failed_ = false;
  if (Stop* stop = deadline.stop()) {
    if (stop->requested()) return finish(Code::kCancelled);
    insert_before(stop->waiters_);
  }
  if (deadline.time() != Instant::max()) timer_.arm(deadline.time());
}

void Waiter::wake() {
  if (!coroutine_) return;
  unlink();
  timer_.cancel();
  loop_.resume_later(std::exchange(coroutine_, nullptr));
}

void Waiter::finish(Code code) {
  code_ = code;
  failed_ = true;
  wake();
}

Result<> Waiter::outcome() const {
  if (!failed_) return {};
  return fail(code_, code_ == Code::kTimeout ? "timed out" : "told to stop");
}

void Stop::request() {
  requested_ = true;
  while (waiters_.linked()) static_cast<Waiter*>(waiters_.next)->finish(Code::kCancelled);
}

// ---- Event

struct Event::Waiting : Link {
  explicit Waiting(Loop& loop) : waiter(loop) {}
  Waiter waiter;
};

Event::~Event() { assert(!waiting_.linked()); }

void Event::set() {
  set_ = true;
  while (waiting_.linked()) {
    auto* waiting = static_cast<Waiting*>(waiting_.next);
    waiting->unlink();
    waiting->waiter.wake();
  }
}

Task<Result<>> Event::wait(Deadline deadline) {
  if (set_) co_return Result<>();
  struct Awaiter {
    Event& event;
    Deadline deadline;
    Waiting waiting;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) {
      waiting.insert_before(event.waiting_);
      waiting.waiter.suspend(coroutine, deadline);
    }
    Result<> await_resume() {
      waiting.unlink();
      return waiting.waiter.outcome();
    }
  };
  co_return co_await Awaiter{*this, deadline, Waiting(loop_)};
}

// ---- Gate

namespace {

// Owns a spawned task: a coroutine that starts at once and frees itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

Detached run_in_gate(Task<void> task, std::size_t& running, Event& empty) {
  {
    // The task's frame is destroyed before the gate counts it as gone.
    Task<void> owned = std::move(task);
    co_await std::move(owned);
  }
  if (--running == 0) empty.set();
}

}  // namespace

Gate::~Gate() {
  if (running_ == 0) return;
  std::fprintf(stderr, "fairlead: a Gate was destroyed with %zu tasks running\n", running_);
  std::abort();
}

bool Gate::spawn(Task<void> task) {
  if (closed_) return false;
  ++running_;
  empty_.reset();
  run_in_gate(std::move(task), running_, empty_);
  return true;
}

Task<Result<>> Gate::drained(Deadline deadline) { return empty_.wait(deadline); }

// ---- sleep

Task<Result<>> sleep(Loop& loop, Duration duration, Deadline until) {
  struct Awaiter {
    Waiter waiter;
    Deadline deadline;
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) { waiter.suspend(coroutine, deadline); }
    Result<> await_resume() { return waiter.outcome(); }
  };
  const Instant wake_at = fairlead::now() + duration;
  const bool cut_short = until.time() < wake_at;
  auto outcome = co_await Awaiter{Waiter(loop), cut_short ? until : until.within(duration)};
  if (!outcome && outcome.error().code() == Code::kTimeout && !cut_short) co_return Result<>();
  co_return outcome;
}

}  // namespace fairlead::io
