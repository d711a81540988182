// Two clocks: Instant for measuring and waiting, WallTime for telling people and peers.
#pragma once

#include <chrono>
#include <string>

namespace fairlead {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

using namespace std::chrono_literals;  // 250ms, 5s: in every signature that takes a Duration

inline Instant now() { return std::chrono::steady_clock::now(); }
inline WallTime wall_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

// "2026-11-20T13:39:18.123456Z" (RFC 3339, UTC, microseconds).
std::string rfc3339(WallTime time);
// "Fri, 20 Nov 2026 13:39:18 GMT" (RFC 9110 §5.6.7 IMF-fixdate).
std::string http_date(WallTime time);
// "850ms", "2.4s", "3m 20s": for people.
std::string human(Duration duration);

}  // namespace fairlead
