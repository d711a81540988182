#pragma once

#include "birthdays.h"
#include "service/sql_store.h"

namespace hello {

class SqlBirthdays final : public Birthdays {
 public:
  SqlBirthdays(fairlead::io::Loop& loop, const fairlead::store::DatabaseUrl& url,
               int schema_version)
      : store_(loop, url, schema_version) {}

  fairlead::io::Task<fairlead::Result<std::optional<std::string>>> find(
      std::string name, fairlead::io::Deadline deadline) override;
  fairlead::io::Task<fairlead::Result<>> put(std::string name, std::string date,
                                             fairlead::io::Deadline deadline) override;
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override {
    return store_.ready(deadline);
  }
  void add_metrics(fairlead::telemetry::MetricsText& text) const override {
    store_.add_metrics(text);
  }
  fairlead::io::Task<void> close() override { return store_->close(); }

 private:
  fairlead::service::SqlStore store_;
};

}  // namespace hello
