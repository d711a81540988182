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

enum class Balance : std::uint8_t {
  kRoundRobin,     // smooth, weighted
  kLeastRequests,  // the origin with the fewest requests in flight, over all loops
  kTwoChoices,     // the less busy of two taken at random
  kHash            // the same key goes to the same origin (Pool::hash_by)
};

// What a request is told apart by: "client" (its address), "header:NAME" or "cookie:NAME".
using KeySource = std::string;

// A replica as the edge sees it.
struct Origin {
  std::string id;       // "visitors/production/web.1": names it in records and metrics
  std::string address;  // io::Address text: "unix:/run/…/web.1.sock" or "127.0.0.1:34001"
  std::string release;  // "v3"; in records and metrics
  unsigned weight = 1;
};

struct HealthCheck {
  std::string path = "/";  // 2xx is healthy, all else is not; "": so is who takes a connection
  Duration interval = 2s;
  Duration timeout = 1s;
  unsigned unhealthy_after = 2;  // failures in a row; a refused connection counts at once
  unsigned healthy_after = 1;
};

// Passive health: an origin whose answers fail is left out for a while, longer each time.
struct Ejection {
  std::uint32_t failures = 5;       // 5xx answers or broken connections in a row; 0: never
  Duration time = 5s;               // the first time; doubled each time up to 20 times this
  std::uint32_t most_percent = 50;  // of a pool's origins that may be left out at once
};

// Replicas that a route chooses from.
struct Pool {
  std::string name;  // "visitors/production/web"
  Balance balance = Balance::kRoundRobin;
  KeySource hash_by = "client";     // kHash
  std::string sticky_cookie;        // set by the edge to keep a client on its origin; "": none
  std::uint64_t slow_start_ms = 0;  // a new origin's share grows to its weight over this time
  HealthCheck health;
  bool h2 = false;  // its origins speak HTTP/2 only, by prior knowledge: gRPC
  // New requests wait in the edge until it is false again, at most EdgeTimeouts::held.
  bool held = false;
  Ejection ejection;
  std::uint32_t retry_percent = 20;  // retries, at most, in proportion to requests
  std::uint32_t proxy_protocol = 0;  // 1 or 2: origins are told the client by a PROXY header
  std::uint32_t max_requests = 0;    // in flight to each origin, over all loops; 0: any number
  std::uint32_t max_waiting = 256;   // requests of each loop that may wait for an origin
  std::uint64_t max_wait_ms = 0;     // for an origin to be ready or free; 0: answered at once
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

// How often one client (an IPv4 address, the first 64 bits of an IPv6 address) may ask; with
// `header`, whoever sends the same value in that request field, and the client where there is none.
struct RouteLimit {
  std::uint32_t count = 0;      // requests in each `per_ms`; 0: no limit
  std::uint64_t per_ms = 1000;  // at least 1
  std::uint32_t burst = 1;      // requests that a quiet client may make at once
  std::string header;           // a field's name; "": the client's address counts
};

// Misbehaviour that gets a client banned: `count` offences within `within_ms`. The next ban of the
// same client lasts twice as long.
struct BanRule {
  std::string name;                     // in the list of bans and in the log
  std::vector<std::string> paths;       // "/login*" or whole; empty: every path
  std::vector<std::uint16_t> statuses;  // answers with one of these are offences
  std::uint32_t count = 0;              // 0: the rule does not hold
  std::uint64_t within_ms = 60'000;
  std::uint64_t ban_ms = 600'000;
};

struct NamedText {
  std::string name;
  std::string value;
};

// An answer that leads elsewhere. In `to`, {host}, {path} (as it was sent) and {query} ("?…" or
// nothing) stand for the request's own.
struct RouteRedirect {
  std::string to;  // "": no redirect
  std::uint16_t status = 308;
};

// Files of a folder, read by the edge itself.
struct RouteFiles {
  std::string folder;  // absolute; "": none
  std::string index = "index.html";
  std::string fallback;  // served with 200 in place of what is missing: "index.html"; "": 404
  std::string cache_control = "public, max-age=0, must-revalidate";
};

// Who may ask.
struct RouteAccess {
  std::vector<std::string> allow;  // networks; empty: everybody
  std::vector<std::string> users;  // "name:hash", hashed by crypt(3); empty: no password asked for
  std::string realm = "restricted";
};

// Cross-origin requests (WHATWG Fetch §3.2).
struct RouteCors {
  std::vector<std::string> origins;  // "https://app.example.com", or "*"; empty: off
  std::vector<std::string> methods = {"GET", "HEAD", "POST"};
  std::vector<std::string> headers;
  bool credentials = false;
  std::uint32_t max_age_s = 600;
};

// Some requests go to another pool: a release on trial.
struct RouteCanary {
  std::string pool;             // "": none
  std::uint32_t per_mille = 0;  // of clients, told apart by address
  std::string header;           // "NAME: value" that goes there too; "": none
};

struct Route {
  // ---- which requests: the most specific route wins (edge/route_table.h)
  std::string host;  // lower case; "*.example.com" matches one label; "" matches every host
  std::string path_prefix = "/";  // whole segments: "/api" matches "/api" and "/api/x", not "/apix"
  bool exact = false;             // path_prefix is the whole path
  std::vector<std::string> methods;  // empty: all; GET includes HEAD
  std::vector<NamedText> headers;    // all must be there; value "*": with any value

  // ---- who answers: one of these
  std::string pool;
  RouteRedirect redirect;
  RouteFiles files;

  // ---- before
  std::uint64_t max_body = 0;  // bytes; 0 takes the snapshot's limit
  bool closed = false;         // answered 503: the app is being maintained
  bool https_only = false;     // plain requests are led to the same address over TLS
  RouteAccess access;
  RouteLimit limit;
  std::vector<BanRule> bans;
  RouteCanary canary;
  std::string
      mirror;  // a pool that gets a copy of requests without a body; its answers are dropped
  bool strip_prefix = false;  // the origin sees the path without path_prefix
  std::string add_prefix;     // "/v2": before the path that the origin sees

  // ---- after
  RouteCache cache;
  bool compress = false;
  std::vector<NamedText> response_headers;  // set; an empty value takes the field away
  bool security_headers = false;            // those every page should have, where it has none
  std::uint64_t hsts_s = 0;                 // Strict-Transport-Security over TLS; 0: none
  RouteCors cors;
};

// Who may come in at all. Loopback, Unix sockets and trusted proxies always may.
struct Guard {
  std::vector<std::string> allow;        // CIDR: never banned, never limited in connections
  std::uint32_t client_connections = 0;  // open ones of one client; 0: no limit
  BanRule broken;                        // HTTP or TLS that cannot be read (its paths and statuses
                                         // mean nothing)
  std::string ban_file;                  // where bans outlive the edge; "": nowhere
  std::string log;                       // path; offences and bans, a line each; "": none
};

// A proof for an ACME server (RFC 8555 §8.3): what GET /.well-known/acme-challenge/TOKEN is
// answered with, on any host.
struct AcmeAnswer {
  std::string token;
  std::string text;
};

// Whoever knows the token may purge what is cached of the environment:
// PURGE /.fairlead/purge/TOKEN/PATH.
struct PurgeToken {
  std::string environment;  // "APP/NAME"
  std::string token;
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
  bool proxy_protocol = false;  // each connection begins with a header, v1 or v2, from one of
                                // trusted_proxies
};

struct CertificateSpec {
  std::string certificate;  // path, PEM
  std::string key;          // path, PEM
  bool acme_proof = false;  // only for whoever asks for "acme-tls/1" (RFC 8737)
};

enum class AccessLogFormat : std::uint8_t { kJson, kCommon, kCombined };

// What TLS clients are asked for.
struct TlsRules {
  bool modern = false;    // TLS 1.3 alone; else 1.2 with forward secrecy too
  std::string client_ca;  // path, PEM: clients must have a certificate of these; "": none asked for
  bool client_may = false;  // … may have one; those without are served too
  bool operator==(const TlsRules&) const = default;
};

struct Snapshot {
  std::uint64_t version = 0;
  std::vector<ListenerSpec> listeners;
  std::vector<CertificateSpec> certificates;
  TlsRules tls;
  std::vector<Pool> pools;
  std::vector<Route> routes;
  EdgeTimeouts timeouts;
  EdgeLimits limits;
  std::vector<std::string> trusted_proxies;  // CIDR: whose Forwarded/X-Forwarded-* are believed
  std::string access_log;  // path; "" for none, "-" for stdout, "syslog" for /dev/log,
                           // "syslog:HOST:PORT" for syslog over UDP (RFC 5424)
  AccessLogFormat access_log_format = AccessLogFormat::kJson;
  std::uint32_t trace_per_mille = 0;  // of requests without a traceparent: traces begun as sampled
  std::uint64_t cache_memory = 64 << 20;  // bytes for stored responses, taken as needed
  std::string cache_folder;               // where large responses outlive the edge; "": nowhere
  std::uint64_t cache_disk = 1 << 30;     // bytes there
  Guard guard;
  std::vector<AcmeAnswer> acme_answers;
  std::vector<PurgeToken> purge_tokens;
  unsigned loops = 0;  // 0: one per core
};

std::string to_json(const Snapshot& snapshot);
// kInvalid names what is wrong and where ("routes[2].pool: no pool 'x'"). Unknown keys are errors.
Result<Snapshot> snapshot_from_json(std::string_view text);

}  // namespace fairlead::control
