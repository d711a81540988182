#include "service/html.h"

#include <algorithm>

#include "base/strings.h"

namespace fairlead::service {

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string_view safe_link(std::string_view url) {
  const auto colon = url.find(':');
  const bool has_scheme = colon != std::string_view::npos && colon < url.find_first_of("/?#");
  if (!has_scheme) return url;
  const auto scheme = to_lower(url.substr(0, colon));
  return scheme == "http" || scheme == "https" || scheme == "mailto" ? url : "#";
}

std::string fill_page(std::string_view page,
                      std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string filled;
  filled.reserve(page.size() + 256);
  for (;;) {
    const auto start = page.find("{{");
    const auto end = start == std::string_view::npos ? start : page.find("}}", start);
    if (end == std::string_view::npos) return filled += page;
    const auto name = page.substr(start + 2, end - start - 2);
    const auto value = std::ranges::find(values, name, [](const auto& pair) { return pair.first; });
    filled += page.substr(0, start);
    filled += value == values.end() ? std::string(page.substr(start, end + 2 - start))
                                    : escape_html(value->second);
    page.remove_prefix(end + 2);
  }
}

}  // namespace fairlead::service
