#pragma once

#include "store/stats.h"
#include "telemetry/metrics.h"

namespace fairlead::service {

// What a service counts of its store, for /metrics.
void add_store_metrics(telemetry::MetricsText& text, const store::Stats& stats);

}  // namespace fairlead::service
