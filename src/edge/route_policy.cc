#include "edge/route_policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::edge {

using http::Field;
using http::FieldId;

namespace {

bool asks_for_something(const control::Route& route) {
  return !route.redirect.to.empty() || !route.files.folder.empty() || route.https_only ||
         !route.access.allow.empty() || !route.access.users.empty() || route.strip_prefix ||
         !route.add_prefix.empty() || route.compress || route.security_headers ||
         route.hsts_s != 0 || !route.response_headers.empty() || !route.cors.origins.empty();
}

// OWASP's Secure Headers Project, less what breaks pages that were not written for it (a content
// security policy): added where the origin says nothing itself.
constexpr std::pair<std::string_view, std::string_view> kSecurityHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "SAMEORIGIN"},
    {"Referrer-Policy", "strict-origin-when-cross-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

std::string query_of(const http::RequestHead& head) {
  return head.query.empty() ? "" : fmt::format("?{}", head.query);
}

// A value that came from a client must not end the line it is written into. Heads were parsed, so
// this only guards against what a template makes of it.
std::string filled_in(std::string_view text, const http::RequestHead& head) {
  std::string out;
  while (!text.empty()) {
    const auto open = std::min(text.find('{'), text.size());
    out += text.substr(0, open);
    text.remove_prefix(open);
    if (text.starts_with("{host}")) {
      out += head.host;
    } else if (text.starts_with("{path}")) {
      out += head.path.starts_with('/') ? head.path : "/";
    } else if (text.starts_with("{query}")) {
      out += query_of(head);
    } else {
      out += text.substr(0, 1);
      text.remove_prefix(std::min<std::size_t>(1, text.size()));
      continue;
    }
    text.remove_prefix(text.find('}') + 1);
  }
  return out;
}

std::string_view value_of(const http::RequestHead& head, FieldId id) {
  const Field* field = head.find(id);
  return field ? field->value : std::string_view();
}

OwnAnswer lead_to(std::uint16_t status, std::string_view where) {
  return {status, "the answer is at another address", fmt::format("Location: {}\r\n", where)};
}

}  // namespace

Result<RoutePolicyPtr> RoutePolicy::make(const control::Route& route, std::uint16_t https_port) {
  if (!asks_for_something(route)) return RoutePolicyPtr();
  std::shared_ptr<RoutePolicy> policy(new RoutePolicy(route));
  policy->https_port_ = https_port;
  auto allowed = AddressSet::parse(route.access.allow);
  if (!allowed) return fail(std::move(allowed).error().in("access.allow"));
  policy->allowed_ = *std::move(allowed);
  if (!route.access.users.empty()) {
    auto passwords = PasswordFile::make(route.access.users);
    if (!passwords) return fail(std::move(passwords).error().in("access.users"));
    policy->passwords_ = std::make_unique<PasswordFile>(*std::move(passwords));
  }
  return policy;
}

// ---- before

std::optional<OwnAnswer> RoutePolicy::answer(const Asker& asker) const {
  if (!spec_.cors.origins.empty()) {
    if (auto own = preflight(asker)) return own;
  }
  if (spec_.https_only && !asker.tls) {
    if (auto own = lead_to_tls(asker)) return own;
  }
  if (!spec_.access.allow.empty() && !allowed_.contains(asker.address))
    return OwnAnswer{403, "this address may not ask here", ""};
  if (passwords_ && !passwords_->admits(value_of(asker.head, FieldId::kAuthorization)))
    return OwnAnswer{401, "a name and a password are asked for here",
                     fmt::format("WWW-Authenticate: Basic realm=\"{}\", charset=\"UTF-8\"\r\n",
                                 spec_.access.realm)};
  if (!spec_.redirect.to.empty())
    return lead_to(spec_.redirect.status, filled_in(spec_.redirect.to, asker.head));
  return std::nullopt;
}

std::optional<OwnAnswer> RoutePolicy::lead_to_tls(const Asker& asker) const {
  if (https_port_ == 0 || asker.head.host.empty()) return std::nullopt;
  const std::string port = https_port_ == 443 ? "" : fmt::format(":{}", https_port_);
  const std::string_view path = asker.head.path.starts_with('/') ? asker.head.path : "/";
  return lead_to(
      308, fmt::format("https://{}{}{}{}", asker.head.host, port, path, query_of(asker.head)));
}

bool RoutePolicy::allows_origin(std::string_view origin) const {
  return std::ranges::any_of(spec_.cors.origins, [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

// With credentials "*" means nothing to a browser, so the origin itself is named.
void RoutePolicy::append_cors_origin(std::string& out, std::string_view origin) const {
  const bool any = std::ranges::find(spec_.cors.origins, "*") != spec_.cors.origins.end();
  const bool name_it = !any || spec_.cors.credentials;
  fmt::format_to(std::back_inserter(out), "Access-Control-Allow-Origin: {}\r\n",
                 name_it ? origin : "*");
  if (spec_.cors.credentials) out += "Access-Control-Allow-Credentials: true\r\n";
}

std::optional<OwnAnswer> RoutePolicy::preflight(const Asker& asker) const {
  const std::string_view origin = value_of(asker.head, FieldId::kOrigin);
  if (asker.head.method != http::Method::kOptions || origin.empty() ||
      !asker.head.find("access-control-request-method"))
    return std::nullopt;
  OwnAnswer own{204, "", "Vary: Origin\r\n"};
  if (!allows_origin(origin)) return own;
  append_cors_origin(own.fields, origin);
  fmt::format_to(std::back_inserter(own.fields), "Access-Control-Allow-Methods: {}\r\n",
                 fmt::join(spec_.cors.methods, ", "));
  if (!spec_.cors.headers.empty())
    fmt::format_to(std::back_inserter(own.fields), "Access-Control-Allow-Headers: {}\r\n",
                   fmt::join(spec_.cors.headers, ", "));
  fmt::format_to(std::back_inserter(own.fields), "Access-Control-Max-Age: {}\r\n",
                 spec_.cors.max_age_s);
  return own;
}

std::string RoutePolicy::rewritten(const http::RequestHead& head, std::string_view path) const {
  std::string_view prefix = spec_.path_prefix;
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (spec_.strip_prefix && path.starts_with(prefix)) path.remove_prefix(prefix.size());
  std::string_view added = spec_.add_prefix;
  while (added.ends_with('/')) added.remove_suffix(1);
  return fmt::format("{}{}{}{}", added, path.starts_with('/') ? "" : "/", path, query_of(head));
}

// ---- after

bool RoutePolicy::replaces(const Field& field) const {
  const auto names = [&](const control::NamedText& rule) { return iequals(rule.name, field.name); };
  if (std::ranges::any_of(spec_.response_headers, names)) return true;
  return !spec_.cors.origins.empty() && (iequals(field.name, "access-control-allow-origin") ||
                                         iequals(field.name, "access-control-allow-credentials"));
}

void RoutePolicy::append_fields(std::string& out, const http::ResponseHead& head,
                                const Asker& asker) const {
  const auto line = [&](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : spec_.response_headers)
    if (!value.empty()) line(name, value);
  const auto says_itself = [&](std::string_view name) {
    return head.find(name) != nullptr ||
           std::ranges::any_of(spec_.response_headers,
                               [&](const auto& rule) { return iequals(rule.name, name); });
  };
  if (spec_.security_headers)
    for (const auto& [name, value] : kSecurityHeaders)
      if (!says_itself(name)) line(name, value);
  // Over plain HTTP a browser must ignore it (RFC 6797 §7.2).
  if (spec_.hsts_s != 0 && asker.tls && !says_itself("strict-transport-security"))
    line("Strict-Transport-Security", fmt::format("max-age={}", spec_.hsts_s));
  if (!spec_.cors.origins.empty()) {
    line("Vary", "Origin");
    const std::string_view origin = value_of(asker.head, FieldId::kOrigin);
    if (!origin.empty() && allows_origin(origin)) append_cors_origin(out, origin);
  }
}

}  // namespace fairlead::edge
