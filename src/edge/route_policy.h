// What the edge does for a route besides passing messages on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control/snapshot.h"
#include "edge/address_set.h"
#include "edge/password_file.h"
#include "http/head.h"

namespace fairlead::edge {

// A request as a policy judges it. Views live as long as the call.
struct Asker {
  const http::RequestHead& head;
  std::string_view address;  // of the client, as trusted proxies tell it
  bool tls = false;          // as trusted proxies tell it
};

// What the edge answers without asking an origin.
struct OwnAnswer {
  std::uint16_t status = 200;
  std::string_view detail;  // for the problem document; "" for an answer without a body
  std::string fields;       // more of the head: whole lines, each with "\r\n"
};

// Made from a route that asks for any of this; immutable, shared by all loops.
class RoutePolicy {
 public:
  // Null for a route that asks for nothing: most. `https_port` is where plain requests of
  // `https_only` are led to; 0 where nobody listens for TLS. kInvalid names the key.
  static Result<std::shared_ptr<const RoutePolicy>> make(const control::Route& route,
                                                         std::uint16_t https_port);

  // In this order: cross-origin preflights, the way to TLS, addresses, passwords, redirects.
  std::optional<OwnAnswer> answer(const Asker& asker) const;

  bool rewrites() const { return spec_.strip_prefix || !spec_.add_prefix.empty(); }
  // The target that the origin gets. `path` is the normalized path: a prefix can be taken off no
  // other spelling.
  std::string rewritten(const http::RequestHead& head, std::string_view path) const;

  bool has_files() const { return !spec_.files.folder.empty(); }
  const control::RouteFiles& files() const { return spec_.files; }

  // ---- of responses
  bool changes_responses() const {
    return spec_.compress || spec_.security_headers || spec_.hsts_s != 0 ||
           !spec_.response_headers.empty() || !spec_.cors.origins.empty();
  }
  bool compresses() const { return spec_.compress; }
  // Whether the policy says something about the response's field of that name, in place of the
  // origin.
  bool replaces(const http::Field& field) const;
  // Appends the lines that the policy adds. `has` tells which fields the response has already.
  void append_fields(std::string& out, const http::ResponseHead& head, const Asker& asker) const;

 private:
  explicit RoutePolicy(const control::Route& route) : spec_(route) {}
  std::optional<OwnAnswer> preflight(const Asker& asker) const;
  std::optional<OwnAnswer> lead_to_tls(const Asker& asker) const;
  std::optional<OwnAnswer> redirect(const Asker& asker) const;
  bool allows_origin(std::string_view origin) const;
  void append_cors_origin(std::string& out, std::string_view origin) const;

  const control::Route spec_;
  std::uint16_t https_port_ = 0;
  AddressSet allowed_;
  std::unique_ptr<PasswordFile> passwords_;  // null: none are asked for
};

using RoutePolicyPtr = std::shared_ptr<const RoutePolicy>;

}  // namespace fairlead::edge
