// Which cities were asked for, and when.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/batches.h"
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
      : store_(loop, url, migrations().latest()), batches_(loop) {}

  // Durable when it returns. Queries that come at once share a commit.
  fairlead::io::Task<fairlead::Result<>> add(std::string city);
  // At most `count`, newest first.
  fairlead::io::Task<fairlead::Result<std::vector<Query>>> page(std::optional<Before> before,
                                                                std::int64_t count,
                                                                fairlead::io::Deadline deadline);
  fairlead::service::SqlStore& store() { return store_; }

 private:
  // [time, city] of each query: the members of a JSON array.
  using Batch = std::string;
  fairlead::io::Task<fairlead::Result<>> write(const Batch& queries);

  fairlead::service::SqlStore store_;
  fairlead::service::Batches<Batch> batches_;
};

}  // namespace airquality
