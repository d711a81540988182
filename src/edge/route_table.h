#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/snapshot.h"
#include "http/head.h"

namespace fairlead::edge {

// Finds the route of a request. Hosts first: the very name, then "*." and its parent, then every
// host. Within a host: the exact path, then the longest prefix of whole segments. Within a path:
// routes with more conditions (methods, headers) before those with fewer, then in their order. What
// does not fit falls through to the next less specific. Compiled once, immutable, read by all
// loops. A lookup costs a few hashes, for the host and for each path segment that some route of
// that host reaches down to, however many routes there are.
class RouteTable {
 public:
  // `routes` must outlive it.
  explicit RouteTable(std::span<const control::Route> routes);

  // Index into the routes it was made from. `host` is lower case and without port, `path` is
  // normalized (normalized_path); `head` is asked for method and headers.
  std::optional<std::uint32_t> find(std::string_view host, std::string_view path,
                                    const http::RequestHead& head) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  // Routes of one place, those with the most conditions first.
  using Candidates = std::vector<std::uint32_t>;
  using ByPath = std::unordered_map<std::string, Candidates, Hash, std::equal_to<>>;
  struct Host {
    ByPath exact;
    ByPath prefixes;        // without their final '/': "" for "/", "/api"
    std::size_t depth = 0;  // segments of the longest
  };
  using Found = std::optional<std::uint32_t>;

  void add(std::uint32_t index);
  Found find_in(const Host& host, std::string_view path, const http::RequestHead& head) const;
  Found first_that_fits(const ByPath& places, std::string_view path,
                        const http::RequestHead& head) const;

  std::span<const control::Route> routes_;
  // "example.com", and ".example.com" for "*.example.com".
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
