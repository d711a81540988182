// A line of log, and what is known about it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "telemetry/log.h"

namespace fairlead::observe {

using telemetry::Level;

// Who wrote a line. Empty where it does not apply (control's events belong to no replica).
struct LogLabels {
  std::string app;
  std::string environment;
  std::string release;  // "v3"
  std::string replica;  // "web.1"
  std::string source;   // "app", "edge", "control", "service"

  auto operator<=>(const LogLabels&) const = default;
};

// What a line says about itself. Views into the line.
struct LogFields {
  std::optional<WallTime> time;
  std::optional<Level> level;
  std::uint16_t status = 0;  // HTTP, 0 for none
  std::string_view request_id;
};

// Reads the members of a JSON line by the names that log libraries use ("time", "ts", "level",
// "severity", "status", "request_id", …), at the top level alone. A line that is not a JSON object
// has no fields. Never allocates.
LogFields parse_fields(std::string_view line);

// A line as it comes out of the store.
struct LogLine {
  std::uint64_t sequence = 0;  // of the store: 1, 2, 3, … without a gap, in the order of arrival
  WallTime time;               // the line's own, else when it arrived; microseconds
  std::shared_ptr<const LogLabels> labels;
  std::optional<Level> level;
  std::uint16_t status = 0;
  std::string request_id;
  std::string text;  // as it was written, without its line end
};

}  // namespace fairlead::observe
