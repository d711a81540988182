// What happened around a request, or around the last incident: put together from logs, metrics and
// control's events.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "control/api.h"
#include "observe/log_store.h"
#include "observe/metric_store.h"

namespace fairlead::observe {

struct Explanation {
  struct Fact {
    std::string label;  // "answer"
    std::string text;   // "502 after 1.2s"
  };
  std::string title;  // the whole of it in a sentence
  WallTime at{};
  std::vector<Fact> facts;
  std::vector<control::LogLine> timeline;  // oldest first
  std::vector<std::string> next;           // commands that show more
};
std::string to_json(const Explanation& explanation);

// The request with this ID, as the edge tells it in X-Request-ID. kNotFound when the log has
// nothing of it. Blocks for as long as the searches take.
Result<Explanation> explain_request(const LogStore& logs, const MetricStore& metrics,
                                    const std::string& request_id);

// The last alert that fired or, without any, the last failed deployment, crash or failed request.
// kNotFound when there was none.
Result<Explanation> explain_last_incident(const LogStore& logs, const MetricStore& metrics);

}  // namespace fairlead::observe
