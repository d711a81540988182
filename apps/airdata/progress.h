#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace airdata {

// A line on a terminal that says how far a load is: rows, rate, time left. Draws nothing elsewhere.
class Progress {
 public:
  // `total` bytes, 0 where that is not known.
  explicit Progress(std::uint64_t total);
  ~Progress();  // takes the line away
  void update(std::uint64_t bytes, std::uint64_t rows);

 private:
  const std::uint64_t total_;
  const bool visible_;
  const fairlead::Instant since_ = fairlead::now();
  fairlead::Instant next_ = since_;
};

}  // namespace airdata
