#include "harden/firewall.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fairlead::harden {

std::string firewall_rules(const std::vector<std::uint16_t>& ssh_ports,
                           const std::vector<std::uint16_t>& ports) {
  const std::string open =
      ports.empty()
          ? ""
          : fmt::format("    tcp dport {{ {0} }} accept\n    udp dport {{ {0} }} accept\n",
                        fmt::join(ports, ", "));
  return fmt::format(R"(#!/usr/sbin/nft -f
# Made by 'fairlead harden'; taken away by 'fairlead harden undo'.
table inet {0} {{ }}
delete table inet {0}
table inet {0} {{
  set ssh4 {{ type ipv4_addr; size 65535; flags dynamic, timeout; timeout 1m; }}
  set ssh6 {{ type ipv6_addr; size 65535; flags dynamic, timeout; timeout 1m; }}
  chain input {{
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    ct state invalid drop
    meta l4proto {{ icmp, ipv6-icmp }} accept
    ip6 saddr fe80::/10 udp dport 546 accept
    tcp dport {{ {1} }} ct state new update @ssh4 {{ ip saddr limit rate over 12/minute burst 12 packets }} drop
    tcp dport {{ {1} }} ct state new update @ssh6 {{ ip6 saddr limit rate over 12/minute burst 12 packets }} drop
    tcp dport {{ {1} }} accept
{2}  }}
}}
)",
                     kFirewallTable, fmt::join(ssh_ports, ", "), open);
}

}  // namespace fairlead::harden
