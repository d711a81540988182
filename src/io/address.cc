#include "io/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "base/strings.h"

namespace fairlead::io {

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with("unix:")) return unix_path(text.substr(5));
  const auto colon = text.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : parse_unsigned(text.substr(colon + 1));
  if (!port || *port > 65535)
    return fail(Code::kInvalid,
                fmt::format("'{}' is not an address: expected HOST:PORT or unix:PATH", text));
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return ip(host, static_cast<std::uint16_t>(*port));
}

Result<Address> Address::ip(std::string_view host, std::uint16_t port) {
  const std::string text(host);
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage_);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size_ = sizeof *v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size_ = sizeof *v6;
  } else {
    return fail(Code::kInvalid, fmt::format("'{}' is not an IP address", host));
  }
  return address;
}

Result<Address> Address::unix_path(std::string_view path) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage_);
  if (path.empty() || path.size() >= sizeof un->sun_path)
    return fail(Code::kInvalid,
                fmt::format("'{}' cannot be a Unix socket: its path must have 1 to {} bytes", path,
                            sizeof un->sun_path - 1));
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Address Address::of(const sockaddr* address, socklen_t length) {
  Address result;
  result.size_ = std::min<socklen_t>(length, sizeof result.storage_);
  std::memcpy(&result.storage_, address, result.size_);
  // An IPv4 client of a dual-stack listener is an IPv4 client.
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&result.storage_);
  if (result.family() == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = v6->sin6_port;
    std::memcpy(&v4.sin_addr, v6->sin6_addr.s6_addr + 12, 4);
    return of(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  return result;
}

bool Address::is_unix() const { return family() == AF_UNIX; }

bool Address::is_loopback() const {
  if (family() == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr) >> 24) == 127;
  if (family() == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr);
  return is_unix();
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text,
                sizeof text);
  else if (family() == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text,
                sizeof text);
  return text;
}

std::string Address::path() const {
  if (!is_unix() || size_ <= offsetof(sockaddr_un, sun_path)) return {};
  const auto* un = reinterpret_cast<const sockaddr_un*>(&storage_);
  return std::string(un->sun_path,
                     ::strnlen(un->sun_path, size_ - offsetof(sockaddr_un, sun_path)));
}

std::string Address::to_string() const {
  if (is_unix()) return "unix:" + path();
  if (family() == AF_INET6) return fmt::format("[{}]:{}", host(), port());
  if (family() == AF_INET) return fmt::format("{}:{}", host(), port());
  return "none";
}

}  // namespace fairlead::io
