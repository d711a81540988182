#include "base/strings.h"
#include "http/h1_bytes.h"
#include "http/h1_rules.h"

namespace fairlead::http {

namespace {

// The colon and what follows an authority's host.
bool parse_port(std::string_view text, std::uint16_t& port) {
  port = 0;
  if (text.empty()) return true;
  if (text[0] != ':' || text.size() > 6) return false;
  unsigned number = 0;
  for (const char c : text.substr(1)) {
    if (!is(c, kDigit)) return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  if (number > 65535 || (number == 0 && text.size() > 1)) return false;
  port = static_cast<std::uint16_t>(number);
  return true;
}

bool is_ipv6_byte(char c) {
  return is(c, kDigit) || c == ':' || c == '.' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// "http://host/path?query", RFC 9112 §3.2.2. `head.path` ends where the first '?' was.
std::string_view apply_absolute_form(RequestHead& head, std::string_view host_field,
                                     std::uint16_t host_port) {
  const std::size_t scheme_end = head.target.find("://");
  if (scheme_end == std::string_view::npos) return "request target has none of the four forms";
  const std::string_view scheme = head.target.substr(0, scheme_end);
  const bool https = iequals(scheme, "https");
  if (!https && !iequals(scheme, "http")) return "request target is neither http nor https";
  const std::size_t authority = scheme_end + 3;
  if (head.path.size() < authority) return "request target without a host";
  const std::size_t slash = head.path.find('/', authority);
  if (!parse_authority(head.path.substr(authority, slash - authority), head.host, head.port))
    return "invalid host in the request target";
  const auto effective = [https](std::uint16_t port) { return port ? port : https ? 443 : 80; };
  if (!host_field.empty() &&
      (!iequals(host_field, head.host) || effective(host_port) != effective(head.port)))
    return "Host differs from the request target";
  if (slash != std::string_view::npos)
    head.path = head.path.substr(slash);
  else
    head.path = head.method == Method::kOptions && head.query.empty() ? "*" : "/";
  return {};
}

}  // namespace

bool parse_authority(std::string_view text, std::string_view& host, std::uint16_t& port) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  const char* host_end = begin;
  if (!text.empty() && text[0] == '[') {
    ++host_end;
    while (host_end != end && is_ipv6_byte(*host_end)) ++host_end;
    if (host_end == end || *host_end != ']' || host_end - begin < 3) return false;
    ++host_end;
  } else {
    host_end = skip(begin, end, kHost);
    if (host_end == begin) return false;
  }
  host = {begin, static_cast<std::size_t>(host_end - begin)};
  return parse_port({host_end, static_cast<std::size_t>(end - host_end)}, port);
}

std::string_view apply_target(RequestHead& head) {
  if (head.method == Method::kConnect) {
    if (!parse_authority(head.target, head.host, head.port) || head.port == 0)
      return "CONNECT needs host:port";
    head.path = {};
    return {};
  }
  if (head.target[0] == '/') return {};
  if (head.target == "*") {
    if (head.method != Method::kOptions) return "'*' is for OPTIONS only";
    return {};
  }
  const std::string_view host_field = head.host;
  return apply_absolute_form(head, host_field, head.port);
}

}  // namespace fairlead::http
