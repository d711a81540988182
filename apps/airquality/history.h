// Which cities were asked for, and when.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/sql_store.h"

namespace airquality {

fairlead::store::Migrations migrations();

struct Query {
  std::string time;  // "2018-02-21T15:03:15.123456Z"
  std::string city;
  std::int64_t id = 0;
};

// Where a page of the history begins: before this time, or at it before this id.
struct Before {
  std::string time;
  std::int64_t id = 0;
  std::string text() const;  // "2018-02-21T15:03:15.123456Z_17"
};
// What text() writes, or a time alone; kInvalid for anything else.
fairlead::Result<Before> parse_before(std::string_view text);

class History {
 public:
  History(fairlead::io::Loop& loop, const fairlead::store::DatabaseUrl& url)
      : store_(loop, url, migrations().latest()) {}

  // Durable when it returns.
  fairlead::io::Task<fairlead::Result<>> add(std::string city, fairlead::io::Deadline deadline);
  // At most `count`, newest first.
  fairlead::io::Task<fairlead::Result<std::vector<Query>>> page(std::optional<Before> before,
                                                                std::int64_t count,
                                                                fairlead::io::Deadline deadline);
  fairlead::service::SqlStore& store() { return store_; }

 private:
  fairlead::service::SqlStore store_;
};

}  // namespace airquality
