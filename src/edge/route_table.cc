#include "edge/route_table.h"

#include <algorithm>

#include "base/strings.h"

namespace fairlead::edge {

namespace {

std::size_t conditions(const control::Route& route) {
  return route.headers.size() + !route.methods.empty();
}

bool fits_method(const control::Route& route, const http::RequestHead& head) {
  if (route.methods.empty()) return true;
  return std::ranges::any_of(route.methods, [&](const std::string& method) {
    return head.method_text == method || (head.method == http::Method::kHead && method == "GET");
  });
}

bool fits_headers(const control::Route& route, const http::RequestHead& head) {
  return std::ranges::all_of(route.headers, [&](const control::NamedText& wanted) {
    const http::Field* field = head.find(wanted.name);
    return field && (wanted.value == "*" || field->value == wanted.value);
  });
}

}  // namespace

RouteTable::RouteTable(std::span<const control::Route> routes) : routes_(routes) {
  for (std::uint32_t index = 0; index < routes.size(); ++index) add(index);
}

void RouteTable::add(std::uint32_t index) {
  const control::Route& route = routes_[index];
  const std::string_view name = route.host;
  Host& host = name.empty() ? every_host_ : hosts_[std::string(name.substr(name.front() == '*'))];
  std::string prefix = route.path_prefix;
  if (!route.exact) {
    while (prefix.ends_with('/')) prefix.pop_back();
    const auto depth = static_cast<std::size_t>(std::ranges::count(prefix, '/'));
    host.depth = std::max(host.depth, depth);
  }
  Candidates& there = (route.exact ? host.exact : host.prefixes)[std::move(prefix)];
  const auto fewer = std::ranges::find_if(
      there, [&](std::uint32_t other) { return conditions(routes_[other]) < conditions(route); });
  there.insert(fewer, index);
}

RouteTable::Found RouteTable::first_that_fits(const ByPath& places, std::string_view path,
                                              const http::RequestHead& head) const {
  const auto place = places.find(path);
  if (place == places.end()) return std::nullopt;
  for (const std::uint32_t index : place->second) {
    const control::Route& route = routes_[index];
    if (fits_method(route, head) && fits_headers(route, head)) return index;
  }
  return std::nullopt;
}

RouteTable::Found RouteTable::find_in(const Host& host, std::string_view path,
                                      const http::RequestHead& head) const {
  if (!host.exact.empty()) {
    if (const auto found = first_that_fits(host.exact, path, head)) return found;
  }
  // From the deepest place that some route has up to the root.
  std::size_t end = 0;
  for (std::size_t level = 0; level < host.depth && end < path.size(); ++level)
    end = std::min(path.find('/', end + 1), path.size());
  for (;;) {
    if (const auto found = first_that_fits(host.prefixes, path.substr(0, end), head)) return found;
    if (end == 0) return std::nullopt;
    end = path.rfind('/', end - 1);
  }
}

RouteTable::Found RouteTable::find(std::string_view host, std::string_view path,
                                   const http::RequestHead& head) const {
  if (const auto own = hosts_.find(host); own != hosts_.end()) {
    if (const auto found = find_in(own->second, path, head)) return found;
  }
  if (const auto dot = host.find('.'); dot != std::string_view::npos) {
    if (const auto parent = hosts_.find(host.substr(dot)); parent != hosts_.end()) {
      if (const auto found = find_in(parent->second, path, head)) return found;
    }
  }
  return find_in(every_host_, path, head);
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
