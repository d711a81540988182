#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "edge/cache_store.h"
#include "http/cache_rules.h"

namespace fairlead::edge {

// What one exchange has to do with the cache, from its request to its end.
struct CachedRequest {
  enum class Mode : std::uint8_t {
    kPast,      // the request goes past the cache
    kUnsafe,    // its success makes what is stored wrong
    kWaiting,   // for somebody else's fetch of the same
    kFetching,  // `fill` leads, or has found that the answer is not for the cache
    kReplaced,  // the origin's answer ends unheard, then `entry` is served
    kServing,   // `entry` is being sent
  };

  bool on = false;  // the route caches
  Mode mode = Mode::kPast;
  bool waited = false;
  bool validates = false;   // the origin was asked whether `entry` is still right
  bool muted = false;       // the client has its 304: the body is for the store alone
  bool background = false;  // nobody waits for the answer
  std::uint16_t environment = 0;
  http::CachePolicy policy;
  CacheKey key;
  std::string request;  // the client's head as text, to be judged again when the answer has come
  std::unique_ptr<CacheFill> fill;
  CacheEntryPtr entry;
  std::uint64_t next = 0;    // kServing: the body's first byte that is not sent
  std::uint64_t end = 0;     // and one past the last to send
  std::string_view outcome;  // for the access record: "hit", "stale", "revalidated", "miss", ""

  void reset() {
    on = waited = validates = muted = background = false;
    mode = Mode::kPast;
    fill.reset();
    entry = {};
    next = end = 0;
    outcome = {};
  }
};

}  // namespace fairlead::edge
