#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::io {

// Where a socket listens or connects: an IPv4 or IPv6 address with port, or a Unix socket's path. A
// value.
class Address {
 public:
  Address() = default;
  // "127.0.0.1:80", "[::1]:443", "unix:/run/x.sock". No names: nothing here asks the DNS.
  static Result<Address> parse(std::string_view text);
  static Result<Address> ip(std::string_view host, std::uint16_t port);
  static Result<Address> unix_path(std::string_view path);
  static Address of(const sockaddr* address, socklen_t length);

  bool is_unix() const;
  bool is_loopback() const;       // 127/8, ::1, or a Unix socket
  std::uint16_t port() const;     // 0 for Unix sockets
  std::string host() const;       // "127.0.0.1", "::1"; "" for Unix sockets
  std::string path() const;       // of a Unix socket, else ""
  std::string to_string() const;  // what parse() reads

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  friend bool operator==(const Address& a, const Address& b) {
    return a.to_string() == b.to_string();
  }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace fairlead::io
