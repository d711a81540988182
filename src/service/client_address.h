// Who a request comes from, when proxies stand in between.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/message.h"

namespace fairlead::service {

// One spelling for each IP address: RFC 5952 for IPv6, dotted for IPv4, also where it was written
// as IPv4-mapped IPv6. A port and brackets are taken off. Nothing for what is no address.
std::optional<std::string> canonical_ip(std::string_view text);

// The peers whose forwarding headers are believed.
class TrustedProxies {
 public:
  static constexpr std::string_view kDefault = "loopback,unix";
  // A comma list of addresses, networks ("10.0.0.0/8", "fd00::/8"), "loopback", "unix" (Unix
  // sockets), or "none". kInvalid names the part that is none of these.
  static Result<TrustedProxies> parse(std::string_view list);
  // `peer` as canonical_ip() writes it, or "unix:".
  bool contains(std::string_view peer) const;

 private:
  struct Network {
    std::array<unsigned char, 16> address{};  // IPv4 as mapped
    unsigned prefix = 128;
  };
  Result<> add_network(std::string_view text);
  std::vector<Network> networks_;
  bool unix_ = false;
};

// The address of the client: the connection's peer, or, as far as that is a trusted proxy, what it
// said (RFC 7239 Forwarded, or X-Forwarded-For), from the last hop back to the first that is not
// trusted. Where both headers are there and contradict each other, a client made up one of them:
// neither is believed. Canonical; "unix" for a Unix socket's client that nobody forwarded.
std::string client_address(const http::Request& request, const TrustedProxies& trusted);

// The X-Request-ID that a trusted proxy gave the request: the same when it tries the request again
// on another replica. "" when nobody trusted gave one; a client's own could be used twice.
std::string proxied_request_id(const http::Request& request, const TrustedProxies& trusted);

}  // namespace fairlead::service
