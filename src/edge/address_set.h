#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/address.h"

namespace fairlead::edge {

// A set of IP networks: whose Forwarded fields are believed. A value.
class AddressSet {
 public:
  // "10.0.0.0/8", "fd00::/8", or a single address. kInvalid names the text that is wrong.
  static Result<AddressSet> parse(const std::vector<std::string>& networks);

  bool contains(const io::Address& address) const;
  // The same for an address as text, without port ("192.0.2.1", "::1"); false for anything else.
  bool contains(std::string_view ip) const;
  bool empty() const { return networks_.empty(); }

 private:
  // All addresses are held as IPv6, IPv4 ones mapped (::ffff:0:0/96).
  using Bytes = std::array<std::uint8_t, 16>;
  struct Network {
    Bytes address;
    unsigned bits;
  };
  static bool to_bytes(std::string_view ip, Bytes& bytes, bool& is_v4);
  bool contains(const Bytes& address) const;
  std::vector<Network> networks_;
};

}  // namespace fairlead::edge
