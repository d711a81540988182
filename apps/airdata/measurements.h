// The measurements in the database.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filter.h"
#include "service/sql_store.h"

namespace airdata {

// Which data it is: changes with every load that changes a row.
struct DataVersion {
  std::int64_t number = 0;
  Micros changed = 0;
  friend bool operator==(const DataVersion&, const DataVersion&) = default;
};

struct Station {
  std::string id;
  Micros first = 0, last = 0;
};

struct Page {
  std::vector<Measurement> rows;
  DataVersion version;  // of the data that the rows were read from, or a later one
  bool last = false;
};

class Measurements {
 public:
  Measurements(fairlead::io::Loop& loop, const fairlead::store::DatabaseUrl& url);

  fairlead::io::Task<fairlead::Result<DataVersion>> version(fairlead::io::Deadline deadline);
  // The rows of the filter's station and times that come after `position`, in order; so many that
  // memory stays flat. Each page is found by key, in time that does not depend on its place.
  fairlead::io::Task<fairlead::Result<Page>> page(Filter filter, std::optional<Key> position,
                                                  fairlead::io::Deadline deadline);
  fairlead::io::Task<fairlead::Result<std::vector<Station>>> stations(
      fairlead::io::Deadline deadline);
  const fairlead::service::SqlStore& store() const { return store_; }
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) {
    return store_.ready(deadline);
  }

 private:
  fairlead::service::SqlStore store_;
};

}  // namespace airdata
