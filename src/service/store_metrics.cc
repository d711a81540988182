#include "service/store_metrics.h"

namespace fairlead::service {

void add_store_metrics(telemetry::MetricsText& text, const store::Stats& stats) {
  text.counter("store_requests", "Transactions or commands asked for.");
  text.sample(stats.requests);
  text.counter("store_failures", "Transactions or commands that failed.");
  text.sample(stats.failed);
  text.counter("store_reconnects", "Connections replaced after a loss.");
  text.sample(stats.reconnects);
  text.gauge("store_in_flight", "Transactions or commands under way.");
  text.sample(stats.in_flight);
  text.gauge("store_connections", "Connections open now.");
  text.sample(stats.connections);
}

}  // namespace fairlead::service
