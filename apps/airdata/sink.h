// Where loaded rows go: all of them in one transaction, by the store's fastest way.
#pragma once

#include <memory>

#include "measurement.h"
#include "store/url.h"

namespace airdata {

class Sink {
 public:
  virtual ~Sink() = default;  // without commit(): nothing of it is kept
  // Errors of the store, kExists when a row is there already and this sink cannot replace it.
  virtual fairlead::Result<> add(const Measurement& row) = 0;
  // How many rows were new or changed. Bumps the data's version if any was.
  virtual fairlead::Result<std::uint64_t> commit() = 0;
};

// kNew is the faster: every row must be new, else kExists comes from add() or commit().
enum class Rows : bool { kNew, kNewOrKnown };
fairlead::Result<std::unique_ptr<Sink>> open_sink(const fairlead::store::DatabaseUrl& url,
                                                  Rows rows);

fairlead::Result<std::unique_ptr<Sink>> open_postgres_sink(const std::string& conninfo, Rows rows);
fairlead::Result<std::unique_ptr<Sink>> open_sqlite_sink(const std::string& path);

// Now, in whole seconds as HTTP dates have them.
Micros change_time();

}  // namespace airdata
