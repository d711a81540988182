// Who listens where, from /proc: to name the owner of a busy port, and to say where a replica
// listens that does not answer.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fairlead::supervise {

struct PortOwner {
  pid_t pid = 0;        // 0: a process that we may not look into
  std::string command;  // its command line, at most 80 characters
  uid_t uid = 0;
};

// Who listens on this TCP port, on any address; nothing if nobody does.
std::optional<PortOwner> owner_of_port(std::uint16_t port);

// The TCP addresses that these processes listen on: "127.0.0.1:3000", "*:8080".
std::vector<std::string> listening_addresses(const std::vector<pid_t>& pids);

// The TCP ports of this machine where other machines can be answered, in order: who listens on
// loopback alone does not count.
std::vector<std::uint16_t> open_ports();

// A TCP port that is free on 127.0.0.1 now. It is not held: until the caller's child binds it,
// another program may take it (the next start then picks another).
std::uint16_t free_port();

}  // namespace fairlead::supervise
