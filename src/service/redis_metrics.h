#pragma once

#include "store/redis.h"
#include "telemetry/metrics.h"

namespace fairlead::service {

// What a service counts of its Redis, for /metrics.
void add_redis_metrics(telemetry::MetricsText& text, const store::RedisStats& stats);

}  // namespace fairlead::service
