// What of the measurements is asked for: the query of GET /air_quality.
#pragma once

#include <optional>
#include <string>

#include "http/message.h"
#include "measurement.h"

namespace airdata {

// A place in the order of rows: by time, then station.
struct Key {
  Micros time = 0;
  std::string station;
  std::string text() const;  // "2016-10-01T00:00:00.004~aq_jaen"
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct Filter {
  std::optional<std::string> station;  // id_entity=
  std::optional<Micros> from;          // from=, inclusive
  std::optional<Micros> to;            // to=, exclusive
  std::optional<Key> after;            // after=, exclusive: what a Link says, or a time alone
  std::optional<std::int64_t> limit;   // limit=
  std::optional<Micros> every;         // every=15m: means per station and bucket
  bool csv = false;                    // Accept: text/csv
};

// kInvalid names the parameter.
fairlead::Result<Filter> filter_of(const fairlead::http::Request& request);

// The query of the page that follows `last`, of the same filter.
std::string next_page(const fairlead::http::Request& request, const Key& last);

}  // namespace airdata
