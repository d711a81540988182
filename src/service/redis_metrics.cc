#include "service/redis_metrics.h"

namespace fairlead::service {

void add_redis_metrics(telemetry::MetricsText& text, const store::RedisStats& stats) {
  text.counter("store_commands", "Commands sent to Redis.");
  text.sample(stats.commands);
  text.counter("store_failures", "Commands that failed.");
  text.sample(stats.failed);
  text.counter("store_reconnects", "Connections replaced after a loss.");
  text.sample(stats.reconnects);
  text.gauge("store_in_flight", "Commands under way.");
  text.sample(stats.in_flight);
  text.gauge("store_connections", "Connections open now.");
  text.sample(stats.up ? 1 : 0);
}

}  // namespace fairlead::service
