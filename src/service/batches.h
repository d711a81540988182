// Requests that write together: one transaction for all that came while the one before was under
// way.
#pragma once

#include <memory>

#include "io/sync.h"

namespace fairlead::service {

// A `Batch` holds what its requests want written. At most one is being written; requests that come
// meanwhile gather in the next. Thus a busy service costs one commit for many requests, and an idle
// one waits for nobody. Belongs to its loop's thread.
template <typename Batch>
class Batches {
 public:
  explicit Batches(io::Loop& loop) : loop_(loop) {}

  // Calls `add(batch)` at once, then waits until that batch was written by `write(batch)`, a
  // Task<Result<>> that one of its requests runs. Gives the batch; all in it share the outcome.
  template <typename Add, typename Write>
  io::Task<Result<std::shared_ptr<const Batch>>> join(Add add, Write write) {
    const auto previous = latest_;
    const bool gathers = previous && !previous->begun;
    const auto round = gathers ? previous : std::make_shared<Round>(loop_);
    latest_ = round;
    add(round->batch);
    if (gathers) {
      // Whoever opened the round is sure to end it.
      (void)co_await round->done.wait(io::Deadline::never());
    } else {
      if (previous) (void)co_await previous->done.wait(io::Deadline::never());
      round->begun = true;
      round->outcome = co_await write(round->batch);
      round->done.set();
      if (latest_ == round) latest_.reset();
    }
    CO_TRY_VOID(round->outcome);
    co_return std::shared_ptr<const Batch>(round, &round->batch);
  }
  bool idle() const { return !latest_; }

 private:
  struct Round {
    explicit Round(io::Loop& loop) : done(loop) {}
    Batch batch;
    bool begun = false;
    Result<> outcome = fail(Code::kInternal, "not written");
    io::Event done;
  };

  io::Loop& loop_;
  std::shared_ptr<Round> latest_;  // being written, or gathering
};

}  // namespace fairlead::service
