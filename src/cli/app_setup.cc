#include "cli/app_setup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "cli/guard_setup.h"
#include "io/stream.h"
#include "io/tls.h"
#include "supervise/listening.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

constexpr Duration kLifetime = std::chrono::hours(24 * 365);
constexpr Duration kRenewBefore = std::chrono::hours(24 * 30);

Error port_is_taken(const char* name, std::uint16_t port) {
  std::string owner = "by a process that this user may not see";
  if (const auto found = supervise::owner_of_port(port); found && found->pid != 0)
    owner = fmt::format("by pid {} ({})", found->pid, found->command);
  return Error(Code::kExists, fmt::format("port {} is in use {}", port, owner))
      .hint(fmt::format("stop it, or take another port: {}=0 takes any that is free", name));
}

}  // namespace

fs::path root_of(const config::AppSpec& app) {
  std::error_code error;
  const fs::path folder = fs::absolute(app.file, error).parent_path();
  return fs::weakly_canonical(folder / app.build.root, error);
}

supervise::Variables variables_of(const config::AppSpec& app, const StateFolders& folders) {
  supervise::Variables variables;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || text.starts_with("FAIRLEAD_")) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : app.env) variables.emplace(name, value);
  if (app.services.empty())
    variables.emplace("DATABASE_URL",
                      fmt::format("sqlite://{}/data/{}.db", folders.state.string(), app.name));
  variables["PATH"] = supervise::search_path(app, root_of(app), variables["PATH"]);
  return variables;
}

Result<io::Address> listen_address(const char* name, std::uint16_t standard,
                                   std::string_view host) {
  std::uint64_t port = standard;
  if (const char* text = std::getenv(name); text && *text) {
    const auto number = parse_unsigned(text);
    if (!number || *number > 65535)
      return fail(Error(Code::kInvalid, fmt::format("{} is '{}', which is no port", name, text))
                      .hint("a port is a number from 0 (any free one) to 65535"));
    port = *number;
  }
  TRY(const io::Address address, io::Address::ip(host, static_cast<std::uint16_t>(port)));
  // Tried here, where the error can be explained; the edge binds it a moment later.
  const auto socket = io::listen(address);
  if (socket) return io::local_address(socket->get());
  if (socket.error().code() == Code::kExists)
    return fail(port_is_taken(name, static_cast<std::uint16_t>(port)));
  Error error = Error(socket.error()).in(fmt::format("cannot listen on port {}", port));
  if (error.code() == Code::kDenied)
    return fail(std::move(error).hint(fmt::format("{}=8080 needs no privilege", name)));
  return fail(std::move(error));
}

Result<control::CertificateSpec> self_signed(const StateFolders& folders,
                                             const std::vector<std::string>& hosts) {
  std::vector<std::string> names = {"localhost", "*.localhost", "127.0.0.1", "::1"};
  for (const auto& host : hosts)
    if (!host.empty() && std::ranges::find(names, host) == names.end()) names.push_back(host);
  const fs::path folder = folders.state / "certificates";
  const control::CertificateSpec files{.certificate = folder / "self-signed.pem",
                                       .key = folder / "self-signed.key"};
  const fs::path names_file = folder / "self-signed.names";

  const std::string wanted = fmt::format("{}\n", fmt::join(names, "\n"));
  const auto expiry = io::certificate_expiry(files.certificate);
  if (read_file(names_file).value_or("") == wanted && expiry &&
      *expiry > wall_now() + kRenewBefore && ::access(files.key.c_str(), R_OK) == 0)
    return files;
  TRY_VOID(make_directories(folder, 0700));
  TRY_VOID(io::write_self_signed({files.certificate, files.key}, names, kLifetime));
  TRY_VOID(write_file_atomically(names_file, wanted));
  return files;
}

namespace {

std::uint64_t milliseconds(Duration time) { return static_cast<std::uint64_t>(time / 1ms); }
std::uint64_t seconds(Duration time) { return static_cast<std::uint64_t>(time / 1s); }

std::vector<control::NamedText> named(const config::Variables& fields) {
  std::vector<control::NamedText> list;
  for (const auto& [name, value] : fields) list.push_back({name, value});
  return list;
}

control::RouteFiles files_of(const config::FilesSpec& spec, const fs::path& root) {
  control::RouteFiles files;
  if (spec.folder.empty()) return files;
  files.folder = (root / spec.folder).lexically_normal();
  files.index = spec.index;
  files.fallback = spec.fallback;
  if (spec.max_age > 0s) files.cache_control = fmt::format("max-age={}", seconds(spec.max_age));
  return files;
}

control::Route route_of(const supervise::Environment& environment, const config::RouteSpec& spec) {
  const auto pool = [&](const std::string& process) {
    return process.empty() ? "" : environment.pool_name(process);
  };
  control::Route route;
  route.host = spec.host;
  route.path_prefix = spec.path;
  route.exact = spec.exact;
  route.methods = spec.methods;
  route.headers = named(spec.headers);
  route.pool = pool(spec.process);
  route.redirect = {spec.redirect.to, static_cast<std::uint16_t>(spec.redirect.status)};
  route.files = files_of(spec.files, environment.spec().root);
  route.max_body = spec.max_body;
  route.https_only = spec.https_only;
  route.access = {spec.allow, spec.auth.users, spec.auth.realm};
  route.limit = {.count = spec.limit.rate.count,
                 .per_ms = std::max<std::uint64_t>(milliseconds(spec.limit.rate.per), 1),
                 .burst = spec.limit.burst,
                 .header = spec.limit.header};
  route.canary = {.pool = pool(spec.canary.process),
                  .per_mille = static_cast<std::uint32_t>(spec.canary.percent * 10),
                  .header = spec.canary.header};
  route.mirror = pool(spec.mirror);
  route.strip_prefix = spec.strip_prefix;
  route.add_prefix = spec.add_prefix;
  route.cache = {.enabled = true,
                 .ttl_ms = milliseconds(spec.cache.ttl),
                 .paths = spec.cache.paths,
                 .heuristic = spec.cache.heuristic,
                 .honour_request = spec.cache.honour_request};
  route.bans = ban_rules_of(environment.spec().app.guard);
  route.compress = spec.compress;
  route.response_headers = named(spec.response_headers);
  route.security_headers = spec.security_headers;
  route.hsts_s = seconds(spec.hsts);
  route.cors = {.origins = spec.cors.origins,
                .methods = spec.cors.methods,
                .headers = spec.cors.headers,
                .credentials = spec.cors.credentials,
                .max_age_s = static_cast<std::uint32_t>(seconds(spec.cors.max_age))};
  return route;
}

bool same_place(const control::Route& a, const control::Route& b) {
  const auto same_field = [](const control::NamedText& x, const control::NamedText& y) {
    return x.name == y.name && x.value == y.value;
  };
  return a.host == b.host && a.path_prefix == b.path_prefix && a.exact == b.exact &&
         a.methods == b.methods && std::ranges::equal(a.headers, b.headers, same_field);
}

}  // namespace

std::vector<control::Route> routes_of(const supervise::Environment& environment, bool any_host) {
  const auto& app = environment.spec().app;
  std::vector<control::Route> routes;
  for (const auto& spec : app.routes) routes.push_back(route_of(environment, spec));
  if (any_host)
    for (const auto& spec : app.routes) {
      control::Route route = route_of(environment, spec);
      route.host.clear();
      const auto taken = [&](const control::Route& other) { return same_place(route, other); };
      if (std::ranges::none_of(routes, taken)) routes.push_back(std::move(route));
    }
  if (app.routes.empty())
    for (const auto& type : app.processes)
      if (supervise::serves(app, type))
        routes.push_back(route_of(environment, {.path = "/", .process = type.name}));
  return routes;
}

}  // namespace fairlead::cli
