// Who counts as one client at the door.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/address.h"

namespace fairlead::edge {

// An IPv4 address, or the first 64 bits of an IPv6 address: whoever has one address of such a
// network has them all. A value.
class ClientPrefix {
 public:
  // "192.0.2.1", "2001:db8::1", "2001:db8:0:1::/64"; nothing for other text.
  static std::optional<ClientPrefix> parse(std::string_view text);
  // Nothing for Unix sockets.
  static std::optional<ClientPrefix> of(const io::Address& address);

  bool is_v6() const { return v6_; }
  bool is_loopback() const;
  // "192.0.2.1", "2001:db8:0:1::/64"
  std::string to_string() const;
  // Its four or eight bytes. Valid as long as the value.
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), v6_ ? 8u : 4u};
  }
  auto operator<=>(const ClientPrefix&) const = default;

 private:
  std::array<std::uint8_t, 8> bytes_{};
  bool v6_ = false;
};

// A number that stands for somebody in `scope` (a route, a rule), which clients cannot predict;
// never 0. `who` may be any bytes.
std::uint64_t number_of(std::string_view scope, std::string_view who);
// The same for a client whose address is given as text, without port; what is no address counts as
// one client.
std::uint64_t client_number(std::string_view scope, std::string_view address);

}  // namespace fairlead::edge
