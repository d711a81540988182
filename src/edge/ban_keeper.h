// Carries the list of bans to the disk and into the kernel.
#pragma once

#include <filesystem>

#include "edge/edge.h"
#include "edge/kernel_bans.h"
#include "io/sync.h"
#include "telemetry/log.h"

namespace fairlead::edge {

// Lives on the edge's own loop. The kernel takes part from the first ban on, where this process may
// change its rules; elsewhere the edge turns the banned away itself.
class BanKeeper {
 public:
  BanKeeper(io::Loop& loop, std::filesystem::path folder, Guard& guard, telemetry::Log& log);

  // After each snapshot: where bans are kept (read when it is new), and the ports that the banned
  // may not reach.
  Result<> serve(const Edge& edge);
  // Ends it, and takes the kernel's table away: the list is on disk.
  io::Task<void> stop();
  bool in_kernel() const { return kernel_state_ == KernelState::kOpen; }

 private:
  enum class KernelState : std::uint8_t { kUntried, kOpen, kRefused };
  static io::Task<void> keep(BanKeeper& self);
  io::Task<void> carry();
  io::Task<void> carry_to_kernel(WallTime time);

  io::Loop& loop_;
  Guard& guard_;
  telemetry::Log& log_;
  KernelBans kernel_;
  std::filesystem::path file_;
  std::vector<std::uint16_t> ports_;
  KernelState kernel_state_ = KernelState::kUntried;
  std::shared_ptr<io::Event> changed_;  // other threads' messages may come when the keeper is gone
  io::Stop stop_;
  io::Gate gate_;
};

}  // namespace fairlead::edge
