// AirVisual's API: who is asked, with a quota to be careful with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/named_client.h"
#include "io/sync.h"
#include "place.h"

namespace airquality {

struct Reading {
  std::string city;
  std::int64_t index = 0;  // US AQI
};

// The reading in an answer of /v2/nearest_city; kProtocol for anything else.
fairlead::Result<Reading> parse_reading(const std::string& body);

struct AirVisualStats {
  std::uint64_t asked = 0;    // requests sent, retries included
  std::uint64_t failed = 0;   // of these
  std::uint64_t refused = 0;  // not sent, as the circuit was open
};

// Asks with a time-out, at most three times where trying again may help, and not at all for a while
// after repeated failures (a circuit breaker): then one request in ten seconds finds out whether
// AirVisual is back. The key is in no error and no log.
class AirVisual {
 public:
  // `url` with the path in front of /v2, if any. kInvalid if it is none.
  static fairlead::Result<std::unique_ptr<AirVisual>> create(fairlead::io::Loop& loop,
                                                             const std::string& url,
                                                             std::string_view key);
  // kTimeout (no answer in time), kUnavailable (refused, 5xx, over quota, circuit open), kProtocol.
  fairlead::io::Task<fairlead::Result<Reading>> nearest(Place place);
  const AirVisualStats& stats() const { return stats_; }

 private:
  explicit AirVisual(fairlead::io::Loop& loop) : loop_(loop) {}
  fairlead::io::Task<fairlead::Result<Reading>> ask(Place place, fairlead::io::Deadline deadline);
  void note(bool success);

  fairlead::io::Loop& loop_;
  std::unique_ptr<fairlead::http::NamedClient> client_;
  std::string key_;   // percent-encoded
  int failures_ = 0;  // in a row
  fairlead::Instant open_until_{};
  AirVisualStats stats_;
};

}  // namespace airquality
