// Who was born when: kept in whichever store DATABASE_URL names.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "service/service.h"

namespace hello {

class Birthdays {
 public:
  virtual ~Birthdays() = default;
  // The date as it was put, or nothing for a name never put.
  virtual fairlead::io::Task<fairlead::Result<std::optional<std::string>>> find(
      std::string name, fairlead::io::Deadline deadline) = 0;
  // Durable when it returns; replaces an earlier date.
  virtual fairlead::io::Task<fairlead::Result<>> put(std::string name, std::string date,
                                                     fairlead::io::Deadline deadline) = 0;
  virtual fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) = 0;
  virtual void add_metrics(fairlead::telemetry::MetricsText& text) const = 0;
  virtual fairlead::io::Task<void> close() = 0;
};

// kInvalid without DATABASE_URL, or for a scheme that is not taken.
fairlead::Result<std::unique_ptr<Birthdays>> open_birthdays(
    fairlead::io::Loop& loop, const fairlead::service::Environment& environment);

fairlead::store::Migrations migrations();
// Where the schema is migrated; nothing for stores without one.
fairlead::Result<std::optional<fairlead::store::DatabaseUrl>> database(
    const fairlead::service::Environment& environment);

}  // namespace hello
