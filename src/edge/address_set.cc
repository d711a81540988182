#include "edge/address_set.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/strings.h"

namespace fairlead::edge {

namespace {
constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

bool AddressSet::to_bytes(std::string_view ip, Bytes& bytes, bool& is_v4) {
  char text[INET6_ADDRSTRLEN];
  if (ip.size() >= sizeof text) return false;
  *std::copy(ip.begin(), ip.end(), text) = '\0';
  is_v4 = inet_pton(AF_INET, text, bytes.data() + kMapped.size()) == 1;
  if (is_v4) std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
  return is_v4 || inet_pton(AF_INET6, text, bytes.data()) == 1;
}

Result<AddressSet> AddressSet::parse(const std::vector<std::string>& networks) {
  AddressSet set;
  for (const std::string& text : networks) {
    const std::size_t slash = text.find('/');
    Network network{};
    bool is_v4 = false;
    if (!to_bytes(std::string_view(text).substr(0, slash), network.address, is_v4)) {
      return fail(Code::kInvalid, fmt::format("'{}' is not an IP address or network", text));
    }
    network.bits = 128;
    if (slash != std::string::npos) {
      const auto bits = parse_unsigned(std::string_view(text).substr(slash + 1));
      if (!bits || *bits > (is_v4 ? 32 : 128)) {
        return fail(Code::kInvalid, fmt::format("'{}' has no usable prefix length", text));
      }
      network.bits = static_cast<unsigned>(*bits) + (is_v4 ? 96 : 0);
    }
    set.networks_.push_back(network);
  }
  return set;
}

bool AddressSet::contains(const Bytes& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const unsigned whole = network.bits / 8;
    const unsigned rest = network.bits % 8;
    if (std::memcmp(address.data(), network.address.data(), whole) != 0) return false;
    return rest == 0 || ((address[whole] ^ network.address[whole]) >> (8 - rest)) == 0;
  });
}

bool AddressSet::contains(const io::Address& address) const {
  Bytes bytes{};
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
    std::memcpy(bytes.data() + kMapped.size(), &v4->sin_addr, 4);
  } else if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
    std::memcpy(bytes.data(), &v6->sin6_addr, 16);
  } else {
    return false;
  }
  return contains(bytes);
}

bool AddressSet::contains(std::string_view ip) const {
  Bytes bytes{};
  bool is_v4 = false;
  return to_bytes(ip, bytes, is_v4) && contains(bytes);
}

}  // namespace fairlead::edge
