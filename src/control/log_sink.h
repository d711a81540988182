// Where the output of processes goes: given by what runs them, taken by what keeps logs; wired in
// cli.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::control {

// Who wrote a line. Empty where it does not apply.
struct LogOrigin {
  std::string app;
  std::string environment;
  std::string release;  // "v3"
  std::string replica;  // "web.1"
  std::string source;   // "app", "edge", "control", "service"
};

// All on the loop's thread. A spool is a file that holds what was written and is not kept yet; its
// path is its name.
struct LogSink {
  // Keeps the lines, and that the spool has been read up to `position` with them: both or nothing.
  // Kept for good once position() says so, a fraction of a second later. An error means that
  // nothing was taken; try again.
  std::function<Result<>(const LogOrigin&, std::span<const std::string_view> lines,
                         std::string_view spool, std::uint64_t position)>
      append;
  // Up to where a spool is kept; 0 for an unknown one.
  std::function<std::uint64_t(std::string_view spool)> position;
  // Keeps for good what was appended, now.
  std::function<void()> flush;
  // The spool is gone, or begins anew.
  std::function<void(std::string_view spool)> forget;
};

}  // namespace fairlead::control
