#include "edge/route_table.h"

#include <algorithm>

#include "base/strings.h"

namespace fairlead::edge {

RouteTable::RouteTable(std::span<const control::Route> routes) {
  for (std::uint32_t index = 0; index < routes.size(); ++index) {
    const control::Route& route = routes[index];
    Host& host = route.host.empty() ? every_host_ : hosts_[route.host];
    std::string prefix = route.path_prefix;
    while (prefix.ends_with('/')) prefix.pop_back();
    const auto depth = static_cast<std::size_t>(std::count(prefix.begin(), prefix.end(), '/'));
    host.depth = std::max(host.depth, depth);
    host.prefixes.try_emplace(std::move(prefix), index);
  }
}

std::optional<std::uint32_t> RouteTable::Host::find(std::string_view path) const {
  std::optional<std::uint32_t> best;
  if (auto root = prefixes.find(std::string_view()); root != prefixes.end()) best = root->second;
  std::size_t end = 0;
  for (std::size_t level = 0; level < depth && end < path.size(); ++level) {
    end = std::min(path.find('/', end + 1), path.size());
    if (auto found = prefixes.find(path.substr(0, end)); found != prefixes.end()) {
      best = found->second;
    }
  }
  return best;
}

std::optional<std::uint32_t> RouteTable::find(std::string_view host, std::string_view path) const {
  if (auto own = hosts_.find(host); own != hosts_.end()) {
    if (auto found = own->second.find(path)) return found;
  }
  return every_host_.find(path);
}

namespace {

bool is_normal(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') return false;
    if (path[i] == '/' && i + 1 < path.size() && (path[i + 1] == '.' || path[i + 1] == '/')) {
      return false;
    }
  }
  return true;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string decode_unreserved(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size()) {
      const auto byte = parse_unsigned(path.substr(i + 1, 2), 16);
      if (byte && is_unreserved(static_cast<char>(*byte))) {
        out += static_cast<char>(*byte);
        i += 2;
        continue;
      }
    }
    out += path[i];
  }
  return out;
}

}  // namespace

std::string_view normalized_path(std::string_view path, std::string& scratch) {
  if (is_normal(path)) return path;
  const std::string decoded = decode_unreserved(path);
  scratch.clear();
  bool ends_in_slash = false;
  for (std::string_view segment : split(decoded, '/')) {
    ends_in_slash = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      scratch.resize(std::max<std::size_t>(scratch.rfind('/') + 1, 1) - 1);
    } else if (!ends_in_slash) {
      scratch += '/';
      scratch += segment;
    }
  }
  if (ends_in_slash || scratch.empty()) scratch += '/';
  return scratch;
}

std::string_view normalized_host(std::string_view host, std::string& scratch) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (std::none_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return host;
  }
  scratch.resize(host.size());
  std::transform(host.begin(), host.end(), scratch.begin(), ascii_lower);
  return scratch;
}

}  // namespace fairlead::edge
