// A service's SQL database with its readiness and its metrics.
#pragma once

#include <memory>

#include "service/service.h"
#include "store/database.h"

namespace fairlead::service {

class SqlStore {
 public:
  // `schema_version`: what the database must have been migrated to.
  SqlStore(io::Loop& loop, const store::DatabaseUrl& url, int schema_version,
           store::DatabaseOptions options = {})
      : database_(store::open_database(loop, url, options)), schema_version_(schema_version) {}

  store::Database& operator*() const { return *database_; }
  store::Database* operator->() const { return database_.get(); }

  io::Task<Result<>> ready(io::Deadline deadline);
  void add_metrics(telemetry::MetricsText& text) const;

 private:
  std::unique_ptr<store::Database> database_;
  int schema_version_;
};

}  // namespace fairlead::service
