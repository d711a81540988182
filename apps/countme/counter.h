// Where the number comes from.
#pragma once

#include <string>

#include "base/error.h"
#include "io/deadline.h"
#include "io/task.h"
#include "telemetry/metrics.h"

namespace countme {

// Gives each request a number of its own: 1, 2, 3, …, for all processes that share the store.
class Counter {
 public:
  virtual ~Counter() = default;
  // The next number. `request_id`, unless empty, names the request: asked again within half a
  // minute (a proxy tries another replica when one dies), it gives the number that it gave before,
  // so that no number is skipped by the retry.
  virtual fairlead::io::Task<fairlead::Result<std::int64_t>> next(std::string request_id) = 0;
  virtual fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) = 0;
  virtual void add_metrics(fairlead::telemetry::MetricsText& text) const = 0;
  virtual fairlead::io::Task<void> close() = 0;
};

}  // namespace countme
