// The PROXY protocol, versions 1 and 2: who the client is, told by a proxy in front of the bytes of
// a connection (haproxy.org, "The PROXY protocol", 2020/03/05). Without I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/h1_parser.h"
#include "io/address.h"

namespace fairlead::http {

// What stands at the start of a connection.
struct ProxyHeader {
  std::size_t size = 0;               // bytes of the header itself
  std::optional<io::Address> source;  // nothing: the proxy speaks for itself ("LOCAL", "UNKNOWN")
};

// The most that must be at hand to know a header: 107 bytes of version 1, 16 + 216 of version 2
// without, and up to this with the extensions (TLVs) that are passed over.
inline constexpr std::size_t kMaxProxyHeader = 2048;

// kComplete fills `header`; kError for whatever does not begin with a well-formed header.
ParseState parse_proxy_header(std::string_view bytes, ProxyHeader& header);

// Version 1 is text, 2 binary. Addresses of different families, or Unix sockets, are told as
// UNKNOWN and LOCAL.
std::string proxy_header(int version, const io::Address& source, const io::Address& destination);

}  // namespace fairlead::http
