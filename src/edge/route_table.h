#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/snapshot.h"

namespace fairlead::edge {

// Finds the route of a request: host first, then the longest path prefix of whole segments; a host
// without a fitting prefix falls back to the routes for every host. Compiled once, immutable, read
// by all loops. A lookup costs one hash for the host and one for each path segment that some route
// of that host reaches down to, however many routes there are.
class RouteTable {
 public:
  explicit RouteTable(std::span<const control::Route> routes);

  // Index into the routes it was made from. `host` is lower case and without port, `path` is
  // normalized (normalized_path).
  std::optional<std::uint32_t> find(std::string_view host, std::string_view path) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using ByPrefix = std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>;
  struct Host {
    ByPrefix prefixes;      // without their final '/': "" for "/", "/api"
    std::size_t depth = 0;  // segments of the longest
    std::optional<std::uint32_t> find(std::string_view path) const;
  };
  std::unordered_map<std::string, Host, Hash, std::equal_to<>> hosts_;
  Host every_host_;
};

// `path` as routes see it: escapes of unreserved characters decoded, "." and ".." segments
// resolved (RFC 3986 §6.2.2), runs of '/' made one, so that no spelling of a path reaches another
// route than the path it means. `path` itself when there is nothing to do, else a view of
// `scratch`. Origins get the path as it was sent.
std::string_view normalized_path(std::string_view path, std::string& scratch);

// `host` in lower case and without the root's final dot: itself, or a view of `scratch`.
std::string_view normalized_host(std::string_view host, std::string& scratch);

}  // namespace fairlead::edge
