#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fairlead::edge {

// Limits that a client ran into: fairlead_edge_limit_hits_total{limit="..."}. docs/limits.md says
// of each what it is for and what it is by default.
enum class Limit : std::uint8_t {
  kHeadSize,
  kHeadTime,
  kBodySize,
  kBodyTime,
  kWriteTime,
  kTunnelTime,
  kH2Resets,
  kH2Frames,
  kH2Head,
};

inline constexpr std::array<std::string_view, 9> kLimitNames = {
    "head_size",   "head_time", "body_size", "body_time", "write_time",
    "tunnel_time", "h2_resets", "h2_frames", "h2_head"};

}  // namespace fairlead::edge
