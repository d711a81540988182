// What the edge counted, for those who ask: OpenMetrics text and JSON.
#pragma once

#include <string>

#include "edge/edge.h"

namespace fairlead::edge {

// By pool, origin, release and status class; latency histograms by pool and origin.
std::string metrics_text(const Edge& edge);

// {"version": …, "origins": [{"pool", "origin", "release", "ready", "requests", "failed",
// "retried", "held", "in_flight", "status": {"2xx": …}, "p50_us", "p99_us"}, …], "without_origin":
// {…}, …}: what a deployment's receipt is made from.
std::string counters_json(const Edge& edge);

}  // namespace fairlead::edge
