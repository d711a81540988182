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
    ++round->size;
    add(round->batch);
    if (gathers) {
      // Whoever opened the round is sure to end it.
      (void)co_await round->done.wait(io::Deadline::never());
    } else {
      co_await until_others_are_in(previous);
      round->begun = true;
      const Instant begin = now();
      round->outcome = co_await write(round->batch);
      ended_ = now();
      took_ = ended_ - begin;
      several_ = round->size > 1;
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
    std::size_t size = 0;
    bool begun = false;
    Result<> outcome = fail(Code::kInternal, "not written");
    io::Event done;
  };

  // Until the previous round was written. Where there is none, until the end of this iteration of
  // the loop: what came together is written together.
  io::Task<void> until_others_are_in(std::shared_ptr<Round> previous) {
    io::Event turn(loop_);
    if (!previous) loop_.defer([&turn] { turn.set(); });
    (void)co_await (previous ? previous->done : turn).wait(io::Deadline::never());
    // Who was answered a moment ago is likely to ask again. Where writes are slow, waiting a little
    // for them is quicker for all than writing in two halves, in turns.
    if (several_ && took_ >= kSlow) (void)co_await io::sleep(loop_, ended_ + took_ / 4 - now());
  }

  static constexpr Duration kSlow = 2ms;

  io::Loop& loop_;
  std::shared_ptr<Round> latest_;  // being written, or gathering
  // Of the last write.
  Instant ended_{};
  Duration took_{};
  bool several_ = false;  // shared it
};

}  // namespace fairlead::service
