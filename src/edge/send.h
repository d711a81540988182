// Sending without waiting: at once what the socket takes, the rest into a backlog that only
// connections with slow peers ever have.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "io/transport.h"

namespace fairlead::edge {

struct SendResult {
  std::size_t bytes = 0;  // taken by the socket now
  bool failed = false;
};

// Sends the parts in one call after what is in `backlog`; what the socket does not take is appended
// to it. At most 16 parts.
SendResult send_parts(io::Transport& transport, std::span<const std::string_view> parts,
                      std::string& backlog);

// Sends as much of `backlog` as the socket takes and removes it there.
SendResult send_backlog(io::Transport& transport, std::string& backlog);

}  // namespace fairlead::edge
