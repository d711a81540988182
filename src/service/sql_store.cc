#include "service/sql_store.h"

#include "service/store_metrics.h"
#include "store/migrations.h"

namespace fairlead::service {

io::Task<Result<>> SqlStore::ready(io::Deadline deadline) {
  return store::check_schema(*database_, schema_version_, deadline);
}

void SqlStore::add_metrics(telemetry::MetricsText& text) const {
  add_store_metrics(text, database_->stats());
  text.counter("store_commits", "Commits; on SQLite one serves many transactions.");
  text.sample(database_->commits());
}

}  // namespace fairlead::service
