// One blocking SQLite connection: for the thread of Sqlite, and for migrations.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "store/database.h"

using sqlite3 = struct sqlite3;
using sqlite3_stmt = struct sqlite3_stmt;

namespace fairlead::store {

// In WAL mode with synchronous=FULL: what was committed is on disk. Used by one thread at a time.
class SqliteConnection {
 public:
  enum class Missing : bool { kFails, kIsCreated };
  // Waits up to `busy_timeout` wherever another connection holds the lock.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path, Missing missing,
                                                        Duration busy_timeout);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;

  // Prepares the statement once and keeps it.
  Result<Rows> run(const Statement& statement);
  // Whether the statement changes nothing.
  Result<bool> is_readonly(const std::string& sql);
  // Any number of statements without parameters, rows thrown away: BEGIN, COMMIT, migrations.
  Result<> execute(const std::string& sql);

  // False when an error has ended the transaction behind our back (a full disk, for instance).
  bool in_transaction() const;
  // True when the file is gone or another stands in its place: this connection writes to nowhere.
  bool file_moved() const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Busy {  // the state of SQLite's busy handler
    Duration timeout;
    Instant since{};
  };

  SqliteConnection() = default;
  Result<> configure();
  Result<sqlite3_stmt*> prepare(const std::string& sql);
  Error error(std::string_view what) const;
  static int on_busy(void* self, int attempt);

  Busy busy_;
  std::unique_ptr<sqlite3, Close> database_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> prepared_;
};

}  // namespace fairlead::store
