#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::harden {

inline constexpr const char* kFirewallTable = "fairlead_host";

// A host firewall for nftables in a table of its own: established connections, ICMP, loopback, the
// SSH ports (new connections of one address limited) and `ports`; everything else to this machine
// is dropped. What is forwarded (containers) is left to others' rules.
std::string firewall_rules(const std::vector<std::uint16_t>& ssh_ports,
                           const std::vector<std::uint16_t>& ports);

}  // namespace fairlead::harden
