#include "service/sql_store.h"

#include "store/migrations.h"

namespace fairlead::service {

io::Task<Result<>> SqlStore::ready(io::Deadline deadline) {
  return store::check_schema(*database_, schema_version_, deadline);
}

void SqlStore::add_metrics(telemetry::MetricsText& text) const {
  const auto stats = database_->stats();
  text.counter("store_transactions", "Transactions asked for.");
  text.sample(stats.transactions);
  text.counter("store_failures", "Transactions that failed.");
  text.sample(stats.failed);
  text.counter("store_commits", "Commits; on SQLite one serves many transactions.");
  text.sample(stats.commits);
  text.counter("store_reconnects", "Connections replaced after a loss.");
  text.sample(stats.reconnects);
  text.gauge("store_in_flight", "Transactions under way.");
  text.sample(stats.in_flight);
  text.gauge("store_connections", "Connections open now.");
  text.sample(stats.connections);
}

}  // namespace fairlead::service
