#include "edge/cache_admin.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace fairlead::edge {

namespace {

using Json = nlohmann::ordered_json;
using http::Response;

// Null while no route caches.
CacheStore* store_of(const Edge& edge) {
  const auto caches = [](const control::Route& route) { return route.cache.enabled; };
  if (!std::ranges::any_of(edge.snapshot().routes, caches)) return nullptr;
  return &edge.workers().front()->cache();
}

// As requests' keys are written: host in lower case, a path.
CacheKey key_of(std::string url) {
  const std::size_t scheme_end = url.find("://");
  std::size_t path = url.find('/', scheme_end == std::string::npos ? 0 : scheme_end + 3);
  if (path == std::string::npos) {
    path = url.size();
    url += '/';
  }
  for (std::size_t i = 0; i < path; ++i) url[i] = ascii_lower(url[i]);
  CacheKey key;
  key.set_text(std::move(url));
  return key;
}

std::string_view explain(http::NotStored why) {
  switch (why) {
    case http::NotStored::kStored:
      return "it may be stored";
    case http::NotStored::kMethod:
      return "only answers to GET are stored";
    case http::NotStored::kStatus:
      return "answers with its status are not stored";
    case http::NotStored::kNoStore:
      return "the origin said Cache-Control: no-store";
    case http::NotStored::kPrivate:
      return "the origin said Cache-Control: private";
    case http::NotStored::kAuthorization:
      return "the request was authenticated, and the answer does not say that others may have it "
             "(public, s-maxage or must-revalidate)";
    case http::NotStored::kVariesOnAll:
      return "the origin said Vary: *";
    case http::NotStored::kNoFreshness:
      return "the origin does not say how long it is fresh (Cache-Control: max-age), and the route "
             "gives no cache.ttl for it";
    case http::NotStored::kSetCookie:
      return "it sets a cookie and does not itself say that it may be cached";
    case http::NotStored::kStale:
      return "it is stale as soon as it is made, and has no ETag or Last-Modified to ask with";
    case http::NotStored::kTooLarge:
      return "its body is larger than the cache takes";
  }
  return "";
}

Json describe(const CacheEntry& entry) {
  const http::Freshness freshness = entry.freshness();
  const auto seconds = [](Duration d) {
    return std::chrono::floor<std::chrono::seconds>(d).count();
  };
  const Duration age = entry.age(now());
  const bool fresh = http::judge_reuse(freshness, age, {}) == http::Reuse::kFresh;
  return {{"status", entry.status()},
          {"fresh", fresh},
          {"age_s", seconds(age)},
          {"lifetime_s", freshness.lifetime},
          {"body_bytes", entry.body_size()},
          {"varies", entry.vary()},
          {"tags", entry.tags()}};
}

Json inspect(const CacheStore& store, const CacheKey& key) {
  Json answer = {{"url", key.text}, {"stored", Json::array()}};
  for (const CacheEntryPtr& entry : store.entries_of(key)) {
    answer["stored"].push_back(describe(*entry));
  }
  if (!answer["stored"].empty()) return answer;
  const auto why = store.refusal(key, now());
  answer["reason"] = why ? to_string(*why) : "unknown";
  answer["why"] =
      why ? explain(*why)
          : "nobody has asked for it since the edge started, or it has left the cache, "
            "or its answer was refused more than ten seconds ago: ask for it, then look "
            "again";
  return answer;
}

Json stats(const Edge& edge, const CacheStore& store) {
  const CacheStore::Stats stored = store.stats();
  std::uint64_t hits = 0, revalidated = 0, misses = 0;
  for (const auto& worker : edge.workers()) {
    hits += worker->stats().cache_hits.value();
    revalidated += worker->stats().cache_revalidated.value();
    misses += worker->stats().cache_misses.value();
  }
  return {{"entries", stored.entries},
          {"bytes", stored.bytes},
          {"budget_bytes", stored.budget},
          {"evictions", stored.evictions},
          {"hits", hits},
          {"revalidated", revalidated},
          {"misses", misses}};
}

// Nothing if the request does not say exactly what to purge.
std::optional<std::size_t> purge(CacheStore& store, const http::Request& request) {
  const PurgeMode mode =
      request.parameter("soft").value_or("") == "1" ? PurgeMode::kMakeStale : PurgeMode::kRemove;
  const auto url = request.parameter("url");
  const auto prefix = request.parameter("prefix");
  const auto tag = request.parameter("tag");
  const auto environment = request.parameter("environment");
  const bool all = request.parameter("all").value_or("") == "1";
  if (url.has_value() + prefix.has_value() + tag.has_value() + environment.has_value() + all != 1) {
    return std::nullopt;
  }
  const Instant at = now();
  if (url) return store.purge_key(key_of(*url), mode, at);
  if (prefix) return store.purge_prefix(*prefix, mode, at);
  if (tag) return store.purge_tag(*tag, mode, at);
  if (environment) return store.purge_environment(*environment, mode, at);
  return store.purge_all(mode, at);
}

Response json(const Json& value) { return Response::json(value.dump() + "\n"); }

Response no_cache() { return Response::problem(404, "No cache", "no route of this edge caches"); }

io::Task<void> answer(http::Exchange& exchange, Response response) {
  [[maybe_unused]] const auto sent = co_await exchange.respond(std::move(response));
}

}  // namespace

void add_cache_routes(http::Router& router, Edge& edge) {
  using http::Method;
  using http::PathParameters;
  router.add(Method::kPost, "/cache/purge", [&edge](http::Exchange& exchange, PathParameters) {
    CacheStore* store = store_of(edge);
    if (!store) return answer(exchange, no_cache());
    const auto purged = purge(*store, exchange.request);
    return answer(exchange, purged ? json({{"purged", *purged}})
                                   : Response::problem(400, "Refused",
                                                       "exactly one of url, prefix, tag, "
                                                       "environment and all=1 says what to purge"));
  });
  router.add(Method::kGet, "/cache/stats", [&edge](http::Exchange& exchange, PathParameters) {
    const CacheStore* store = store_of(edge);
    return answer(exchange, store ? json(stats(edge, *store)) : no_cache());
  });
  router.add(Method::kGet, "/cache/inspect", [&edge](http::Exchange& exchange, PathParameters) {
    const CacheStore* store = store_of(edge);
    if (!store) return answer(exchange, no_cache());
    return answer(exchange,
                  json(inspect(*store, key_of(exchange.request.parameter("url").value_or("")))));
  });
}

}  // namespace fairlead::edge
