#include "http/proxy_protocol.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>

#include "base/strings.h"

namespace fairlead::http {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kFixed = 16;  // signature, version and command, family, length
constexpr std::size_t kMaxText = 107;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::uint16_t port_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

std::optional<io::Address> address_of(int family, const char* bytes, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN];
  if (!::inet_ntop(family, bytes, text, sizeof text)) return std::nullopt;
  auto address = io::Address::ip(text, port);
  if (!address) return std::nullopt;
  return *address;
}

// "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
ParseState parse_text(std::string_view bytes, ProxyHeader& header) {
  const auto end = bytes.substr(0, kMaxText).find("\r\n");
  if (end == std::string_view::npos)
    return bytes.size() < kMaxText ? ParseState::kIncomplete : ParseState::kError;
  header.size = end + 2;
  const auto words = split(bytes.substr(0, end), ' ');
  if (words.size() >= 2 && words[1] == "UNKNOWN") return ParseState::kComplete;
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return ParseState::kError;
  const bool v6 = words[1] == "TCP6";
  const auto port = parse_unsigned(words[4]);
  const auto to_port = parse_unsigned(words[5]);
  if (!port || *port > 65535 || !to_port || *to_port > 65535) return ParseState::kError;
  auto source = io::Address::ip(words[2], static_cast<std::uint16_t>(*port));
  const auto destination = io::Address::ip(words[3], static_cast<std::uint16_t>(*to_port));
  const int family = v6 ? AF_INET6 : AF_INET;
  if (!source || !destination || source->family() != family || destination->family() != family)
    return ParseState::kError;
  header.source = *std::move(source);
  return ParseState::kComplete;
}

ParseState parse_binary(std::string_view bytes, ProxyHeader& header) {
  if (bytes.size() < kFixed) return ParseState::kIncomplete;
  const std::size_t length = port_at(bytes, 14);
  const unsigned version = byte_at(bytes, 12) >> 4, command = byte_at(bytes, 12) & 15;
  if (version != 2 || command > 1 || kFixed + length > kMaxProxyHeader) return ParseState::kError;
  header.size = kFixed + length;
  if (bytes.size() < header.size) return ParseState::kIncomplete;
  if (command == 0) return ParseState::kComplete;  // LOCAL: a health check of the proxy's own
  const char* const addresses = bytes.data() + kFixed;
  switch (byte_at(bytes, 13)) {
    case 0x11:  // TCP over IPv4
      if (length < 12) return ParseState::kError;
      header.source = address_of(AF_INET, addresses, port_at(bytes, kFixed + 8));
      return ParseState::kComplete;
    case 0x21:  // TCP over IPv6
      if (length < 36) return ParseState::kError;
      header.source = address_of(AF_INET6, addresses, port_at(bytes, kFixed + 32));
      return ParseState::kComplete;
    default:  // unspecified, UDP, Unix: to be taken as the proxy's own
      return ParseState::kComplete;
  }
}

void append_port(std::string& out, std::uint16_t port) {
  out += static_cast<char>(port >> 8);
  out += static_cast<char>(port & 255);
}

void append_address(std::string& out, const io::Address& address) {
  if (address.family() == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr;
    out.append(reinterpret_cast<const char*>(&in), sizeof in);
  } else {
    const auto& in = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
    out.append(reinterpret_cast<const char*>(&in), sizeof in);
  }
}

}  // namespace

ParseState parse_proxy_header(std::string_view bytes, ProxyHeader& header) {
  constexpr std::string_view kText = "PROXY ";
  header = {};
  if (bytes.starts_with(kText)) return parse_text(bytes, header);
  if (bytes.starts_with(kSignature)) return parse_binary(bytes, header);
  const bool may_become = kText.starts_with(bytes) || kSignature.starts_with(bytes);
  return may_become ? ParseState::kIncomplete : ParseState::kError;
}

std::string proxy_header(int version, const io::Address& source, const io::Address& destination) {
  const bool known =
      !source.is_unix() && source.size() != 0 && source.family() == destination.family();
  const bool v4 = source.family() == AF_INET;
  if (version == 1)
    return known ? fmt::format("PROXY {} {} {} {} {}\r\n", v4 ? "TCP4" : "TCP6", source.host(),
                               destination.host(), source.port(), destination.port())
                 : "PROXY UNKNOWN\r\n";
  std::string out(kSignature);
  out += static_cast<char>(known ? 0x21 : 0x20);
  out += static_cast<char>(known ? (v4 ? 0x11 : 0x21) : 0);
  append_port(out, static_cast<std::uint16_t>(known ? (v4 ? 12 : 36) : 0));
  if (!known) return out;
  append_address(out, source);
  append_address(out, destination);
  append_port(out, source.port());
  append_port(out, destination.port());
  return out;
}

}  // namespace fairlead::http
