#include "target/edge_only.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace fairlead::target {

namespace {

// The keys of a route that are set and mean nothing elsewhere.
std::vector<std::string_view> keys_of(const config::RouteSpec& route) {
  std::vector<std::string_view> keys;
  const auto add = [&](bool set, std::string_view key) {
    if (set) keys.push_back(key);
  };
  add(route.exact, "exact");
  add(!route.methods.empty(), "methods");
  add(!route.headers.empty(), "headers");
  add(!route.redirect.to.empty(), "redirect");
  add(!route.files.folder.empty(), "files");
  add(route.https_only, "https_only");
  add(!route.allow.empty(), "allow");
  add(!route.auth.users.empty(), "auth");
  add(route.strip_prefix, "strip_prefix");
  add(!route.add_prefix.empty(), "add_prefix");
  add(!route.canary.process.empty(), "canary");
  add(!route.mirror.empty(), "mirror");
  add(route.security_headers, "security_headers");
  add(route.hsts > 0s, "hsts");
  add(!route.response_headers.empty(), "response_headers");
  add(!route.cors.origins.empty(), "cors");
  return keys;
}

std::vector<std::string_view> keys_of(const config::ProcessSpec& process) {
  std::vector<std::string_view> keys;
  const auto add = [&](bool set, std::string_view key) {
    if (set) keys.push_back(key);
  };
  add(process.balance == config::Balance::kTwoChoices, "balance = \"two-choices\"");
  add(process.balance == config::Balance::kHash, "balance = \"hash\"");
  add(!process.sticky_cookie.empty(), "sticky_cookie");
  add(process.slow_start > 0s, "slow_start");
  add(process.max_requests != 0, "max_requests");
  add(process.max_wait != config::ProcessSpec{}.max_wait, "max_wait");
  return keys;
}

}  // namespace

config::AppSpec without_edge_only(const config::AppSpec& app, Report& report) {
  const auto note = [&](std::string subject, const std::vector<std::string_view>& keys) {
    if (!keys.empty())
      report.missing(std::move(subject),
                     fmt::format("{}: done by Fairlead's own edge alone", fmt::join(keys, ", ")));
  };
  for (const auto& route : app.routes)
    note(fmt::format("route {}{}", route.host, route.path), keys_of(route));
  for (const auto& process : app.processes)
    note(fmt::format("processes.{}", process.name), keys_of(process));
  config::AppSpec rest = app;
  std::erase_if(rest.routes, [](const config::RouteSpec& route) { return route.process.empty(); });
  return rest;
}

}  // namespace fairlead::target
