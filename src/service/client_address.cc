#include "service/client_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::service {

namespace {

using Bytes = std::array<unsigned char, 16>;

constexpr Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // ::ffff:0:0/96

bool is_mapped(const Bytes& bytes) {
  return std::equal(bytes.begin(), bytes.begin() + 12, kMapped.begin());
}

// "1.2.3.4:80", "[::1]:80", "[::1]", "::1%eth0" without what is not the address.
std::string_view bare(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    text = end == std::string_view::npos ? std::string_view() : text.substr(1, end - 1);
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  return text.substr(0, text.find('%'));
}

std::optional<Bytes> parse_ip(std::string_view text) {
  const std::string name(bare(text));
  Bytes bytes = kMapped;
  if (::inet_pton(AF_INET, name.c_str(), bytes.data() + 12) == 1) return bytes;
  if (::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

std::string format_ip(const Bytes& bytes) {
  char text[INET6_ADDRSTRLEN];
  if (is_mapped(bytes)) return ::inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  return ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
}

// Splits at `separator`, but not inside quoted strings (RFC 9110 §5.6.4).
std::vector<std::string_view> split_unquoted(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\\' && quoted) ++i;
    if (!quoted && i < text.size() && text[i] == separator) {
      parts.push_back(trim(text.substr(start, i - start)));
      start = i + 1;
    }
  }
  parts.push_back(trim(text.substr(std::min(start, text.size()))));
  return parts;
}

// The "for" of each element of Forwarded, RFC 7239 §4; "" where it has none.
std::vector<std::string_view> forwarded_for(std::string_view header) {
  std::vector<std::string_view> hops;
  for (const auto element : split_unquoted(header, ',')) {
    std::string_view hop;
    for (const auto pair : split_unquoted(element, ';')) {
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || !iequals(trim(pair.substr(0, equals)), "for"))
        continue;
      hop = trim(pair.substr(equals + 1));
      if (hop.size() >= 2 && hop.front() == '"' && hop.back() == '"')
        hop = hop.substr(1, hop.size() - 2);
    }
    hops.push_back(hop);
  }
  return hops;
}

// Back from `peer` along what each trusted hop said of the one before it.
std::string walk(std::string peer, const std::vector<std::string_view>& hops,
                 const TrustedProxies& trusted) {
  for (auto hop = hops.rbegin(); hop != hops.rend() && trusted.contains(peer); ++hop) {
    auto address = canonical_ip(trim(*hop));
    if (!address) break;  // "unknown", "_hidden", or nonsense: nothing is known before it
    peer = *std::move(address);
  }
  return peer;
}

}  // namespace

std::optional<std::string> canonical_ip(std::string_view text) {
  const auto bytes = parse_ip(text);
  if (!bytes) return std::nullopt;
  return format_ip(*bytes);
}

Result<TrustedProxies> TrustedProxies::parse(std::string_view list) {
  TrustedProxies trusted;
  for (const auto part : split(list, ',')) {
    const auto word = trim(part);
    if (word.empty() || word == "none") continue;
    if (word == "unix") {
      trusted.unix_ = true;
    } else if (word == "loopback") {
      TRY_VOID(trusted.add_network("127.0.0.0/8"));
      TRY_VOID(trusted.add_network("::1"));
    } else {
      TRY_VOID(trusted.add_network(word));
    }
  }
  return trusted;
}

Result<> TrustedProxies::add_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address)
    return fail(Error(Code::kInvalid, fmt::format("'{}' is no address or network", text))
                    .hint("write 10.0.0.0/8, 192.0.2.1, fd00::/8, loopback, unix or none"));
  const unsigned most = is_mapped(*address) ? 32 : 128;
  const auto prefix =
      slash == std::string_view::npos ? most : parse_unsigned(text.substr(slash + 1)).value_or(999);
  if (prefix > most)
    return fail(Code::kInvalid, fmt::format("'{}' has a prefix that is not 0 to {}", text, most));
  networks_.push_back({*address, static_cast<unsigned>(prefix) + 128 - most});
  return {};
}

bool TrustedProxies::contains(std::string_view peer) const {
  if (peer == "unix:") return unix_;
  const auto address = parse_ip(peer);
  if (!address) return false;
  return std::ranges::any_of(networks_, [&](const Network& network) {
    const auto whole = network.prefix / 8;
    const auto mask = static_cast<unsigned char>(0xff00 >> (network.prefix % 8));
    return std::equal(address->begin(), address->begin() + whole, network.address.begin()) &&
           (whole == 16 || ((*address)[whole] & mask) == (network.address[whole] & mask));
  });
}

std::string client_address(const http::Request& request, const TrustedProxies& trusted) {
  const std::string peer = canonical_ip(request.peer).value_or(request.peer);
  const bool has_forwarded = request.fields.find("forwarded") != nullptr;
  const bool has_list = request.fields.find("x-forwarded-for") != nullptr;
  std::string client = peer;
  if (has_forwarded || has_list) {
    const auto forwarded = request.fields.joined("forwarded");
    const auto list = request.fields.joined("x-forwarded-for");
    const auto by_forwarded = walk(peer, forwarded_for(forwarded), trusted);
    const auto by_list = walk(peer, split(list, ','), trusted);
    if (!has_list || (has_forwarded && by_forwarded == by_list)) client = by_forwarded;
    if (!has_forwarded) client = by_list;
  }
  return client == "unix:" ? "unix" : client;
}

std::string proxied_request_id(const http::Request& request, const TrustedProxies& trusted) {
  const auto* id = request.fields.find("x-request-id");
  return id && trusted.contains(request.peer) ? *id : std::string();
}

}  // namespace fairlead::service
