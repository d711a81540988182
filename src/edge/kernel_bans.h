// Bans in the kernel: packets of banned clients end before they reach a socket.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "edge/ban_list.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::edge {

// An nftables table of its own, by the program `nft`; nothing else in the kernel's rules is
// touched. Only the edge's own ports are closed to the banned: a ban never ends anybody's SSH.
class KernelBans {
 public:
  // `folder` holds the script for nft, and its name becomes part of the table's, so that two edges
  // of one machine do not meet.
  KernelBans(io::Loop& loop, const std::filesystem::path& folder);

  // Makes the table anew, for these TCP ports. kDenied without the rights, kNotFound without nft.
  io::Task<Result<>> open(std::vector<std::uint16_t> ports, io::Deadline deadline);
  // Makes the sets hold exactly these bans.
  io::Task<Result<>> hold(std::vector<Ban> bans, WallTime now, io::Deadline deadline);
  // Takes the table away.
  io::Task<Result<>> close(io::Deadline deadline);

  const std::string& table() const { return table_; }

 private:
  io::Task<Result<>> run(std::string script, io::Deadline deadline);

  io::Loop& loop_;
  std::filesystem::path script_;
  std::string table_;
  std::map<ClientPrefix, WallTime> held_;  // until when
};

}  // namespace fairlead::edge
