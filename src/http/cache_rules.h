// The rules of a shared cache without its I/O, storage or clock: RFC 9111, with RFC 5861 (serving
// stale), RFC 9213 (CDN-Cache-Control) and RFC 9211 (Cache-Status). RFC 8246 (immutable) asks
// nothing of a shared cache: it never revalidates what is fresh.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/cache_control.h"
#include "http/head.h"

namespace fairlead::http {

// What a route asks for beyond the standard.
struct CachePolicy {
  Duration ttl{0};              // freshness of responses that say nothing themselves; 0: none
  bool heuristic = false;       // guess from Last-Modified where nothing is said, §4.2.2
  bool honour_request = false;  // let Cache-Control and Pragma of requests have a say, §5.2.1
};

// How long a stored response can be used. Seconds.
struct Freshness {
  std::uint32_t lifetime = 0;
  std::uint32_t stale_while_revalidate = 0;
  std::uint32_t stale_if_error = 0;
  bool validate_always = false;  // no-cache
  bool never_stale = false;      // must-revalidate, proxy-revalidate, s-maxage

  bool operator==(const Freshness&) const = default;
};

// Why a response is not stored; each also is a word for Cache-Status and for people.
enum class NotStored : std::uint8_t {
  kStored,
  kMethod,  // neither GET nor a POST that names what it answers with
  kStatus,  // 206, 304, or must-understand and not understood
  kNoStore,
  kPrivate,
  kAuthorization,  // the request was authenticated and the response does not say it may be shared
  kVariesOnAll,    // Vary: *
  kNoFreshness,    // it says nothing, and the route gives no ttl
  kSetCookie,      // it sets a cookie and does not itself say that it may be cached
  kStale,          // it is stale already and cannot be validated
  kTooLarge,       // told by the store
};
std::string_view to_string(NotStored why);  // "no-store"

struct Verdict {
  NotStored why = NotStored::kStored;
  Freshness freshness;
  Duration initial_age{0};  // corrected_initial_age, §4.2.3

  bool stored() const { return why == NotStored::kStored; }
};

// Judges a final response to `request`, whose head came at `now`, `delay` after the request was
// sent. §3.
Verdict judge_response(const RequestHead& request, const ResponseHead& response,
                       const CachePolicy& policy, std::chrono::sys_seconds now, Duration delay);

// The same for what is stored after a 304 freshened it: the request is known to be fit. §4.3.4.
Verdict judge_freshened(const ResponseHead& response, const CachePolicy& policy,
                        std::chrono::sys_seconds now, Duration delay);

enum class Reuse : std::uint8_t {
  kFresh,
  kStaleWhileRevalidate,  // serve, and ask the origin meanwhile
  kValidate,              // ask the origin first
};
// `wishes`: the request's directives if the route honours them, else a default one. §4.2.
Reuse judge_reuse(const Freshness& freshness, Duration age, const CacheDirectives& wishes);

// The request's directives as far as `policy` honours them; Pragma stands in for Cache-Control.
CacheDirectives wishes_of(const RequestHead& request, const CachePolicy& policy);

// Whether a stale response may stand in for an origin that answers 5xx, or that cannot be reached
// at all (`disconnected`: §4.2.4 allows more then, and kDisconnectedGrace bounds it).
bool may_serve_on_error(const Freshness& freshness, Duration age, bool disconnected);
inline constexpr Duration kDisconnectedGrace = std::chrono::hours(1);

// Whether a request's response may come from a cache at all: GET or HEAD without a body.
bool is_cacheable_request(const RequestHead& request);
// Whether a response to `method` makes what is stored for its URL wrong, §4.4.
bool invalidates(Method method, std::uint16_t status);

// Whether a field of a response is kept in a stored response (§3.1). Hop-by-hop fields, what
// no-cache="…" and private="…" name, and what the cache writes itself (Age, Content-Length) are
// not.
bool is_stored_field(const Field& field, std::string_view connection_value,
                     const CacheDirectives& directives);
// Whether a 304's field replaces the stored one of that name (§3.2).
bool freshens(const Field& field);

// The directives that count for us: CDN-Cache-Control where it is there and valid, else
// Cache-Control.
CacheDirectives directives_for_us(const ResponseHead& response);

}  // namespace fairlead::http
