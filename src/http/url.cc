#include "http/url.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::http {

std::string Url::authority() const {
  const auto name = host.contains(':') ? fmt::format("[{}]", host) : host;
  return port == (tls ? 443 : 80) ? name : fmt::format("{}:{}", name, port);
}

Result<Url> parse_url(std::string_view variable, std::string_view text) {
  const auto wrong = [&] {
    return fail(
        Code::kInvalid,
        fmt::format("{} must be a URL of http:// or https://, as https://host:443/path", variable));
  };
  Url url{.tls = text.starts_with("https://"), .host = {}, .path = {}};
  if (!url.tls && !text.starts_with("http://")) return wrong();
  text.remove_prefix(url.tls ? 8 : 7);
  const auto slash = std::min(text.find_first_of("/?#"), text.size());
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  if (url.path.find_first_of("?#") != std::string::npos) return wrong();
  text = text.substr(0, slash);
  url.port = url.tls ? 443 : 80;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
    const auto port = parse_unsigned(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return wrong();
    url.port = static_cast<std::uint16_t>(*port);
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  if (text.empty() || text.contains('@')) return wrong();
  url.host = text;
  return url;
}

}  // namespace fairlead::http
