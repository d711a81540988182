#pragma once

#include "counter.h"
#include "service/sql_store.h"

namespace countme {

fairlead::store::Migrations migrations();
// SQLite in DATABASE_URL, unless REDIS_URL says that Redis counts; nothing for Redis.
fairlead::Result<std::optional<fairlead::store::DatabaseUrl>> database(
    const fairlead::service::Environment& environment);

// The embedded default: a row in SQLite.
class SqlCounter final : public Counter {
 public:
  SqlCounter(fairlead::io::Loop& loop, const fairlead::store::DatabaseUrl& url)
      : store_(loop, url, migrations().latest()) {}

  fairlead::io::Task<fairlead::Result<std::int64_t>> next(std::string request_id) override;
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override {
    return store_.ready(deadline);
  }
  void add_metrics(fairlead::telemetry::MetricsText& text) const override {
    store_.add_metrics(text);
  }
  fairlead::io::Task<void> close() override { return store_->close(); }

 private:
  fairlead::service::SqlStore store_;
  fairlead::Instant next_cleaning_{};
};

}  // namespace countme
