// Trace context: W3C Recommendation "Trace Context", level 1.
#pragma once

#include <string_view>

namespace fairlead::http {

// The parts of a traceparent field: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
struct TraceParent {
  static constexpr std::size_t kSize = 55;

  std::string_view trace;  // 32 lower-case hex digits, not all zero
  std::string_view span;   // 16
  std::string_view flags;  // 2

  explicit operator bool() const { return !trace.empty(); }
};

// Empty parts for what is malformed (§3.2.2). Views into `text`.
TraceParent parse_traceparent(std::string_view text);

}  // namespace fairlead::http
