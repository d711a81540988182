#pragma once

#include <initializer_list>
#include <memory>

#include "base/error.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::io {

// Signals as something to await (signalfd). Made before any thread starts: it blocks the signals
// for the process, and children get them unblocked again (Child does that).
class Signals {
 public:
  static Result<Signals> create(Loop& loop, std::initializer_list<int> numbers);
  Signals(Signals&&) noexcept;
  ~Signals();
  // The number of the next signal.
  Task<Result<int>> next(Deadline deadline);

 private:
  struct State;
  explicit Signals(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::io
