#include "control/snapshot.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_set>

#include "base/strings.h"
#include "io/address.h"

namespace fairlead::control {
namespace {

using Json = nlohmann::ordered_json;

// Each struct is described once, as a table of names and members; reading and writing both follow
// it. Durations are whole milliseconds, as their names say.
template <typename Struct, typename Value>
struct Member {
  std::string_view name;
  Value Struct::* pointer;
};
template <typename Struct, typename Value>
Member(std::string_view, Value Struct::*) -> Member<Struct, Value>;

auto members(const Origin*) {
  return std::tuple(Member("id", &Origin::id), Member("address", &Origin::address),
                    Member("release", &Origin::release), Member("weight", &Origin::weight));
}
auto members(const HealthCheck*) {
  return std::tuple(Member("path", &HealthCheck::path),
                    Member("interval_ms", &HealthCheck::interval),
                    Member("timeout_ms", &HealthCheck::timeout),
                    Member("unhealthy_after", &HealthCheck::unhealthy_after),
                    Member("healthy_after", &HealthCheck::healthy_after));
}
auto members(const Ejection*) {
  using T = Ejection;
  return std::tuple(Member("failures", &T::failures), Member("time_ms", &T::time),
                    Member("most_percent", &T::most_percent));
}
auto members(const Pool*) {
  using T = Pool;
  return std::tuple(
      Member("name", &T::name), Member("balance", &T::balance), Member("hash_by", &T::hash_by),
      Member("sticky_cookie", &T::sticky_cookie), Member("slow_start_ms", &T::slow_start_ms),
      Member("health", &T::health), Member("h2", &T::h2), Member("held", &T::held),
      Member("ejection", &T::ejection), Member("retry_percent", &T::retry_percent),
      Member("proxy_protocol", &T::proxy_protocol), Member("max_requests", &T::max_requests),
      Member("max_waiting", &T::max_waiting), Member("max_wait_ms", &T::max_wait_ms),
      Member("origins", &T::origins));
}
auto members(const RouteCache*) {
  using T = RouteCache;
  return std::tuple(Member("enabled", &T::enabled), Member("ttl_ms", &T::ttl_ms),
                    Member("paths", &T::paths), Member("heuristic", &T::heuristic),
                    Member("honour_request", &T::honour_request));
}
auto members(const RouteLimit*) {
  using T = RouteLimit;
  return std::tuple(Member("count", &T::count), Member("per_ms", &T::per_ms),
                    Member("burst", &T::burst), Member("header", &T::header));
}
auto members(const BanRule*) {
  using T = BanRule;
  return std::tuple(Member("name", &T::name), Member("paths", &T::paths),
                    Member("statuses", &T::statuses), Member("count", &T::count),
                    Member("within_ms", &T::within_ms), Member("ban_ms", &T::ban_ms));
}
auto members(const Guard*) {
  using T = Guard;
  return std::tuple(
      Member("allow", &T::allow), Member("client_connections", &T::client_connections),
      Member("broken", &T::broken), Member("ban_file", &T::ban_file), Member("log", &T::log));
}
auto members(const AcmeAnswer*) {
  return std::tuple(Member("token", &AcmeAnswer::token), Member("text", &AcmeAnswer::text));
}
auto members(const PurgeToken*) {
  return std::tuple(Member("environment", &PurgeToken::environment),
                    Member("token", &PurgeToken::token));
}
auto members(const NamedText*) {
  return std::tuple(Member("name", &NamedText::name), Member("value", &NamedText::value));
}
auto members(const RouteRedirect*) {
  return std::tuple(Member("to", &RouteRedirect::to), Member("status", &RouteRedirect::status));
}
auto members(const RouteFiles*) {
  using T = RouteFiles;
  return std::tuple(Member("folder", &T::folder), Member("index", &T::index),
                    Member("fallback", &T::fallback), Member("cache_control", &T::cache_control));
}
auto members(const RouteAccess*) {
  using T = RouteAccess;
  return std::tuple(Member("allow", &T::allow), Member("users", &T::users),
                    Member("realm", &T::realm));
}
auto members(const RouteCors*) {
  using T = RouteCors;
  return std::tuple(Member("origins", &T::origins), Member("methods", &T::methods),
                    Member("headers", &T::headers), Member("credentials", &T::credentials),
                    Member("max_age_s", &T::max_age_s));
}
auto members(const RouteCanary*) {
  using T = RouteCanary;
  return std::tuple(Member("pool", &T::pool), Member("per_mille", &T::per_mille),
                    Member("header", &T::header));
}
auto members(const Route*) {
  using T = Route;
  return std::tuple(
      Member("host", &T::host), Member("path_prefix", &T::path_prefix), Member("exact", &T::exact),
      Member("methods", &T::methods), Member("headers", &T::headers), Member("pool", &T::pool),
      Member("redirect", &T::redirect), Member("files", &T::files),
      Member("max_body", &T::max_body), Member("closed", &T::closed),
      Member("https_only", &T::https_only), Member("access", &T::access),
      Member("limit", &T::limit), Member("bans", &T::bans), Member("canary", &T::canary),
      Member("mirror", &T::mirror), Member("strip_prefix", &T::strip_prefix),
      Member("add_prefix", &T::add_prefix), Member("cache", &T::cache),
      Member("compress", &T::compress), Member("response_headers", &T::response_headers),
      Member("security_headers", &T::security_headers), Member("hsts_s", &T::hsts_s),
      Member("cors", &T::cors));
}
auto members(const EdgeTimeouts*) {
  using T = EdgeTimeouts;
  return std::tuple(Member("tls_handshake_ms", &T::tls_handshake), Member("head_ms", &T::head),
                    Member("body_ms", &T::body), Member("connect_ms", &T::connect),
                    Member("response_ms", &T::response), Member("origin_body_ms", &T::origin_body),
                    Member("write_ms", &T::write), Member("idle_ms", &T::idle),
                    Member("held_ms", &T::held), Member("tunnel_ms", &T::tunnel));
}
auto members(const EdgeLimits*) {
  using T = EdgeLimits;
  return std::tuple(Member("max_head", &T::max_head), Member("max_fields", &T::max_fields),
                    Member("max_body", &T::max_body),
                    Member("max_connections", &T::max_connections),
                    Member("max_idle_origin_connections", &T::max_idle_origin_connections),
                    Member("h2_max_streams", &T::h2_max_streams));
}
auto members(const ListenerSpec*) {
  return std::tuple(Member("address", &ListenerSpec::address), Member("tls", &ListenerSpec::tls),
                    Member("proxy_protocol", &ListenerSpec::proxy_protocol));
}
auto members(const CertificateSpec*) {
  return std::tuple(Member("certificate", &CertificateSpec::certificate),
                    Member("key", &CertificateSpec::key),
                    Member("acme_proof", &CertificateSpec::acme_proof));
}
auto members(const TlsRules*) {
  using T = TlsRules;
  return std::tuple(Member("modern", &T::modern), Member("client_ca", &T::client_ca),
                    Member("client_may", &T::client_may));
}
auto members(const Snapshot*) {
  using T = Snapshot;
  return std::tuple(
      Member("version", &T::version), Member("listeners", &T::listeners),
      Member("certificates", &T::certificates), Member("tls", &T::tls), Member("pools", &T::pools),
      Member("routes", &T::routes), Member("timeouts", &T::timeouts), Member("limits", &T::limits),
      Member("trusted_proxies", &T::trusted_proxies), Member("access_log", &T::access_log),
      Member("access_log_format", &T::access_log_format),
      Member("trace_per_mille", &T::trace_per_mille), Member("cache_memory", &T::cache_memory),
      Member("cache_folder", &T::cache_folder), Member("cache_disk", &T::cache_disk),
      Member("guard", &T::guard), Member("acme_answers", &T::acme_answers),
      Member("purge_tokens", &T::purge_tokens), Member("loops", &T::loops));
}

constexpr std::pair<Balance, std::string_view> kBalances[] = {
    {Balance::kRoundRobin, "round_robin"},
    {Balance::kLeastRequests, "least_requests"},
    {Balance::kTwoChoices, "two_choices"},
    {Balance::kHash, "hash"}};

constexpr std::pair<AccessLogFormat, std::string_view> kLogFormats[] = {
    {AccessLogFormat::kJson, "json"},
    {AccessLogFormat::kCommon, "common"},
    {AccessLogFormat::kCombined, "combined"}};

template <typename T>
concept Described = requires(const T* t) { members(t); };

// ---- writing

template <Described T>
Json write(const T& value);
template <typename T>
Json write(const std::vector<T>& values);

template <typename T>
  requires(!Described<T>)
Json write(const T& value) {
  return value;
}
Json write(Duration value) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
}
template <typename Enum, std::size_t N>
Json name_in(const std::pair<Enum, std::string_view> (&names)[N], Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return nullptr;
}
Json write(Balance value) { return name_in(kBalances, value); }
Json write(AccessLogFormat value) { return name_in(kLogFormats, value); }
// Without what is as it is by default: thousands of routes say little each.
template <Described T>
Json write(const T& value) {
  const T fresh{};
  Json object = Json::object();
  const auto put = [&](auto member) {
    Json json = write(value.*(member.pointer));
    if (json != write(fresh.*(member.pointer))) object[member.name] = std::move(json);
  };
  std::apply([&](auto... member) { (put(member), ...); }, members(&value));
  return object;
}
template <typename T>
Json write(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(write(value));
  return array;
}

// ---- reading; `where` is the place for errors: "routes[2].pool"

Result<> wrong(std::string_view where, std::string_view what) {
  if (where.empty()) return fail(Code::kInvalid, std::string(what));
  return fail(Code::kInvalid, fmt::format("{}: {}", where, what));
}
std::string inside(std::string_view where, std::string_view name) {
  return where.empty() ? std::string(name) : fmt::format("{}.{}", where, name);
}

Result<> read(const Json& json, std::string_view where, std::string& value) {
  if (!json.is_string()) return wrong(where, "must be text");
  value = json.get<std::string>();
  return {};
}
Result<> read(const Json& json, std::string_view where, bool& value) {
  if (!json.is_boolean()) return wrong(where, "must be true or false");
  value = json.get<bool>();
  return {};
}
template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>)
Result<> read(const Json& json, std::string_view where, T& value) {
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() > std::numeric_limits<T>::max()) {
    return wrong(where, "must be a whole number, not negative");
  }
  value = json.get<T>();
  return {};
}
Result<> read(const Json& json, std::string_view where, Duration& value) {
  constexpr std::uint64_t kYear = 365ull * 24 * 3600 * 1000;
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() == 0 ||
      json.get<std::uint64_t>() > kYear) {
    return wrong(where, "must be milliseconds, at least 1");
  }
  value = std::chrono::milliseconds(json.get<std::uint64_t>());
  return {};
}
template <typename Enum, std::size_t N>
Result<> read_name(const std::pair<Enum, std::string_view> (&names)[N], const Json& json,
                   std::string_view where, Enum& value) {
  std::string all;
  for (const auto& [known, name] : names) {
    if (json == name) {
      value = known;
      return {};
    }
    all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
  }
  return wrong(where, fmt::format("must be one of {}", all));
}
Result<> read(const Json& json, std::string_view where, Balance& value) {
  return read_name(kBalances, json, where, value);
}
Result<> read(const Json& json, std::string_view where, AccessLogFormat& value) {
  return read_name(kLogFormats, json, where, value);
}

template <Described T>
Result<> read(const Json& json, std::string_view where, T& value);
template <typename T>
Result<> read(const Json& json, std::string_view where, std::vector<T>& values) {
  if (!json.is_array()) return wrong(where, "must be a list");
  values.clear();
  values.reserve(json.size());
  for (const Json& element : json) {
    TRY_VOID(read(element, fmt::format("{}[{}]", where, values.size()), values.emplace_back()));
  }
  return {};
}

template <Described T>
Result<> read(const Json& json, std::string_view where, T& value) {
  if (!json.is_object()) return wrong(where, "must be an object");
  for (const auto& [key, element] : json.items()) {
    Result<> result;
    bool known = false;
    auto take = [&](auto member) {
      if (known || member.name != key) return;
      known = true;
      result = read(element, inside(where, key), value.*(member.pointer));
    };
    std::apply([&](auto... member) { (take(member), ...); }, members(&value));
    if (!known) return wrong(inside(where, key), "unknown key");
    if (!result) return result;
  }
  return {};
}

// ---- what the types alone do not say

Result<> check_address(const std::string& address, std::string_view where) {
  if (auto parsed = io::Address::parse(address); !parsed) {
    return wrong(where, parsed.error().message());
  }
  return {};
}

bool is_key_source(std::string_view text) {
  return text == "client" || (text.starts_with("header:") && text.size() > 7) ||
         (text.starts_with("cookie:") && text.size() > 7);
}

Result<> check_balancing(const Pool& pool, const std::string& where) {
  if (!is_key_source(pool.hash_by))
    return wrong(where + ".hash_by", "must be client, header:NAME or cookie:NAME");
  if (pool.proxy_protocol > 2) return wrong(where + ".proxy_protocol", "must be 0, 1 or 2");
  if (pool.proxy_protocol != 0 && pool.h2)
    return wrong(where + ".proxy_protocol",
                 "names one client, but an HTTP/2 connection serves many");
  if (pool.ejection.most_percent > 100)
    return wrong(where + ".ejection.most_percent", "must be at most 100");
  return {};
}

Result<> check_pools(const Snapshot& snapshot, std::unordered_set<std::string_view>& names) {
  std::unordered_set<std::string_view> ids;
  for (std::size_t p = 0; p < snapshot.pools.size(); ++p) {
    const Pool& pool = snapshot.pools[p];
    const std::string where = fmt::format("pools[{}]", p);
    if (pool.name.empty()) return wrong(where + ".name", "is missing");
    if (!names.insert(pool.name).second) {
      return wrong(where + ".name", fmt::format("second pool '{}'", pool.name));
    }
    if (!pool.health.path.empty() && !pool.health.path.starts_with('/')) {
      return wrong(where + ".health.path", "must begin with '/'");
    }
    if (pool.health.healthy_after == 0 || pool.health.unhealthy_after == 0) {
      return wrong(where + ".health", "healthy_after and unhealthy_after must be at least 1");
    }
    TRY_VOID(check_balancing(pool, where));
    for (std::size_t o = 0; o < pool.origins.size(); ++o) {
      const Origin& origin = pool.origins[o];
      const std::string at = fmt::format("{}.origins[{}]", where, o);
      if (origin.id.empty()) return wrong(at + ".id", "is missing");
      if (!ids.insert(origin.id).second) {
        return wrong(at + ".id", fmt::format("second origin '{}'", origin.id));
      }
      TRY_VOID(check_address(origin.address, at + ".address"));
      if (origin.weight == 0 || origin.weight > 1000) {
        return wrong(at + ".weight", "must be from 1 to 1000");
      }
    }
  }
  return {};
}

Result<> check_ban(const BanRule& rule, const std::string& where) {
  if (rule.name.empty() || rule.name.find_first_of(" \n") != std::string::npos)
    return wrong(where + ".name", "must be a word");
  if (rule.count == 0 || rule.count > 10'000)
    return wrong(where + ".count", "must be from 1 to 10000");
  if (rule.within_ms < 1000) return wrong(where + ".within_ms", "must be at least 1000");
  if (rule.ban_ms < 1000) return wrong(where + ".ban_ms", "must be at least 1000");
  return {};
}

// "*" may stand for the first label alone.
bool is_host_pattern(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  return host.find('*') == std::string_view::npos;
}

// What two routes must not have in common.
std::string place_of(const Route& route) {
  std::string place = fmt::format("{}{}{}", route.host, route.path_prefix, route.exact ? "$" : "");
  for (const auto& method : route.methods) place += " " + method;
  for (const auto& [name, value] : route.headers) place += fmt::format("\n{}: {}", name, value);
  return place;
}

Result<> check_answer(const Route& route, const std::string& where,
                      const std::unordered_set<std::string_view>& pool_names) {
  const int ways = !route.pool.empty() + !route.redirect.to.empty() + !route.files.folder.empty();
  if (ways != 1) return wrong(where, "needs one of pool, redirect and files");
  for (const auto& [key, name] :
       {std::pair("pool", &route.pool), std::pair("canary.pool", &route.canary.pool),
        std::pair("mirror", &route.mirror)})
    if (!name->empty() && !pool_names.contains(*name))
      return wrong(fmt::format("{}.{}", where, key), fmt::format("no pool '{}'", *name));
  const auto status = route.redirect.status;
  if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
    return wrong(where + ".redirect.status", "must be 301, 302, 303, 307 or 308");
  if (!route.files.folder.empty() && !route.files.folder.starts_with('/'))
    return wrong(where + ".files.folder", "must be an absolute path");
  if (route.canary.per_mille > 1000)
    return wrong(where + ".canary.per_mille", "must be at most 1000");
  return {};
}

Result<> check_routes(const Snapshot& snapshot,
                      const std::unordered_set<std::string_view>& pool_names) {
  std::unordered_set<std::string> places;
  for (std::size_t r = 0; r < snapshot.routes.size(); ++r) {
    const Route& route = snapshot.routes[r];
    const std::string where = fmt::format("routes[{}]", r);
    if (route.host != to_lower(route.host)) return wrong(where + ".host", "must be lower case");
    if (!is_host_pattern(route.host))
      return wrong(where + ".host", "'*' may only stand for the whole first label");
    for (const auto* prefix : {&route.path_prefix, &route.add_prefix})
      if (!prefix->empty() && !prefix->starts_with('/'))
        return wrong(where + (prefix == &route.path_prefix ? ".path_prefix" : ".add_prefix"),
                     "must begin with '/'");
    if (route.path_prefix.empty()) return wrong(where + ".path_prefix", "must begin with '/'");
    TRY_VOID(check_answer(route, where, pool_names));
    if (route.limit.per_ms == 0) return wrong(where + ".limit.per_ms", "must be at least 1");
    for (std::size_t b = 0; b < route.bans.size(); ++b)
      TRY_VOID(check_ban(route.bans[b], fmt::format("{}.bans[{}]", where, b)));
    if (!places.insert(place_of(route)).second) {
      return wrong(where, fmt::format("second route for '{}{}'", route.host, route.path_prefix));
    }
  }
  return {};
}

Result<> check(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < snapshot.listeners.size(); ++i) {
    const ListenerSpec& listener = snapshot.listeners[i];
    TRY_VOID(check_address(listener.address, fmt::format("listeners[{}].address", i)));
    if (listener.tls && std::ranges::all_of(snapshot.certificates, &CertificateSpec::acme_proof)) {
      return wrong(fmt::format("listeners[{}].tls", i), "needs a certificate");
    }
  }
  std::unordered_set<std::string_view> pool_names;
  TRY_VOID(check_pools(snapshot, pool_names));
  TRY_VOID(check_routes(snapshot, pool_names));
  if (snapshot.trace_per_mille > 1000) return wrong("trace_per_mille", "must be at most 1000");
  if (snapshot.limits.max_fields == 0 || snapshot.limits.max_fields > 256) {
    return wrong("limits.max_fields", "must be from 1 to 256");
  }
  if (snapshot.guard.broken.count != 0) TRY_VOID(check_ban(snapshot.guard.broken, "guard.broken"));
  if (snapshot.cache_memory < 1 << 20) return wrong("cache_memory", "must be at least 1 MiB");
  if (snapshot.limits.max_head < 1024 || snapshot.limits.max_head > 64 * 1024) {
    return wrong("limits.max_head", "must be from 1024 to 65536");
  }
  return {};
}

}  // namespace

std::string to_json(const Snapshot& snapshot) { return write(snapshot).dump(2) + "\n"; }

Result<Snapshot> snapshot_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail(Code::kInvalid, "not JSON");
  Snapshot snapshot;
  TRY_VOID(read(json, "", snapshot));
  TRY_VOID(check(snapshot));
  return snapshot;
}

}  // namespace fairlead::control
