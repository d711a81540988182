#include "edge/client_prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "edge/cache_shard.h"

namespace fairlead::edge {

std::optional<ClientPrefix> ClientPrefix::parse(std::string_view text) {
  if (text.ends_with("/64")) text.remove_suffix(3);
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof terminated) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  ClientPrefix prefix;
  std::uint8_t bytes[16];
  if (::inet_pton(AF_INET, terminated, bytes) == 1) {
    std::copy_n(bytes, 4, prefix.bytes_.begin());
    return prefix;
  }
  if (::inet_pton(AF_INET6, terminated, bytes) != 1) return std::nullopt;
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(std::begin(kMapped), std::end(kMapped), bytes)) {
    std::copy_n(bytes + 12, 4, prefix.bytes_.begin());
    return prefix;
  }
  prefix.v6_ = true;
  std::copy_n(bytes, 8, prefix.bytes_.begin());
  return prefix;
}

std::optional<ClientPrefix> ClientPrefix::of(const io::Address& address) {
  if (address.family() == AF_INET) {
    ClientPrefix prefix;
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    std::memcpy(prefix.bytes_.data(), &v4->sin_addr, 4);
    return prefix;
  }
  if (address.family() != AF_INET6) return std::nullopt;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
  ClientPrefix prefix;
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    std::memcpy(prefix.bytes_.data(), v6->sin6_addr.s6_addr + 12, 4);
  } else {
    prefix.v6_ = true;
    std::memcpy(prefix.bytes_.data(), v6->sin6_addr.s6_addr, 8);
  }
  return prefix;
}

// Of ::/64 nothing but ::1 and :: can be a client.
bool ClientPrefix::is_loopback() const {
  return v6_ ? bytes_ == decltype(bytes_){} : bytes_[0] == 127;
}

std::string ClientPrefix::to_string() const {
  char text[INET6_ADDRSTRLEN];
  std::uint8_t bytes[16] = {};
  std::copy(bytes_.begin(), bytes_.end(), bytes);
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes, text, sizeof text);
  return v6_ ? std::string(text) + "/64" : text;
}

std::uint64_t number_of(std::string_view scope, std::string_view who) {
  std::string key(who);
  key.append("|").append(scope);
  return std::max<std::uint64_t>(cache_hash(key), 1);
}

std::uint64_t client_number(std::string_view scope, std::string_view address) {
  const auto client = ClientPrefix::parse(address);
  return number_of(scope, client ? client->bytes() : std::string_view());
}

}  // namespace fairlead::edge
