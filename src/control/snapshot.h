// What control tells the edge: everything the data plane needs, complete, immutable, versioned. The
// edge keeps the last one on disk and starts from it alone; control sends a new one for every
// change (PUT /snapshot on the edge's control socket).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace fairlead::control {

enum class Balance : std::uint8_t { kRoundRobin, kLeastRequests };

// A replica as the edge sees it.
struct Origin {
  std::string id;       // "visitors/production/web.1": names it in records and metrics
  std::string address;  // io::Address text: "unix:/run/…/web.1.sock" or "127.0.0.1:34001"
  std::string release;  // "v3"; in records and metrics
  unsigned weight = 1;
};

struct HealthCheck {
  std::string path = "/";  // 2xx is healthy, all else is not
  Duration interval = 2s;
  Duration timeout = 1s;
  unsigned unhealthy_after = 2;  // failures in a row; a refused connection counts at once
  unsigned healthy_after = 1;
};

// Replicas that a route chooses from.
struct Pool {
  std::string name;  // "visitors/production/web"
  Balance balance = Balance::kRoundRobin;
  HealthCheck health;
  bool held =
      false;  // new requests wait in the edge until it is false again, at most EdgeTimeouts::held
  std::vector<Origin> origins;
};

// What the edge may keep of a route's responses (RFC 9111). Responses that say themselves how long
// they are fresh need nothing but `enabled`.
struct RouteCache {
  bool enabled = false;
  std::uint64_t ttl_ms = 0;  // freshness of responses that say nothing; 0: they are not stored
  std::vector<std::string> paths;  // where ttl_ms applies: "/static/*" or whole; empty: everywhere
  bool heuristic = false;          // guess freshness from Last-Modified (RFC 9111 §4.2.2)
  bool honour_request = false;     // let clients' Cache-Control have a say
};

// How often one client (an IPv4 address, the first 64 bits of an IPv6 address) may ask.
struct RouteLimit {
  std::uint32_t count = 0;      // requests in each `per_ms`; 0: no limit
  std::uint64_t per_ms = 1000;  // at least 1
  std::uint32_t burst = 1;      // requests that a quiet client may make at once
};

struct Route {
  std::string host;               // lower case; "" matches every host
  std::string path_prefix = "/";  // whole segments: "/api" matches "/api" and "/api/x", not "/apix"
  std::string pool;
  std::uint64_t max_body = 0;  // bytes; 0 takes the snapshot's limit
  bool closed = false;         // answered 503: the app is being maintained
  RouteCache cache;
  RouteLimit limit;
};

struct EdgeTimeouts {
  Duration tls_handshake = 10s;
  Duration head = 10s;         // first byte of a request head to its end
  Duration body = 30s;         // between two reads of a request body
  Duration connect = 2s;       // to an origin
  Duration response = 60s;     // request sent to first byte of the response
  Duration origin_body = 60s;  // between two reads of a response body
  Duration write = 30s;        // a client that takes nothing
  Duration idle = 75s;         // keep-alive without a request
  Duration held = 60s;         // a request to a pool that is held; then 503
  Duration tunnel = 1h;        // a WebSocket or other tunnel in which nothing moves
};

struct EdgeLimits {
  std::size_t max_head = 32 * 1024;
  std::size_t max_fields = 100;
  std::uint64_t max_body = 1ull << 30;
  std::size_t max_connections =
      20'000;  // over all loops; above it new connections are closed at once
  std::size_t max_idle_origin_connections = 256;  // per origin and loop
  std::uint32_t h2_max_streams = 100;             // that an HTTP/2 client may have open
};

struct ListenerSpec {
  std::string address;  // io::Address text
  bool tls = false;
};

struct CertificateSpec {
  std::string certificate;  // path, PEM
  std::string key;          // path, PEM
};

struct Snapshot {
  std::uint64_t version = 0;
  std::vector<ListenerSpec> listeners;
  std::vector<CertificateSpec> certificates;
  std::vector<Pool> pools;
  std::vector<Route> routes;
  EdgeTimeouts timeouts;
  EdgeLimits limits;
  std::vector<std::string> trusted_proxies;  // CIDR: whose Forwarded/X-Forwarded-* are believed
  std::string access_log;                    // path; "" for none, "-" for stdout
  std::uint64_t cache_memory = 64 << 20;     // bytes for stored responses, taken as needed
  unsigned loops = 0;                        // 0: one per core
};

std::string to_json(const Snapshot& snapshot);
// kInvalid names what is wrong and where ("routes[2].pool: no pool 'x'"). Unknown keys are errors.
Result<Snapshot> snapshot_from_json(std::string_view text);

}  // namespace fairlead::control
