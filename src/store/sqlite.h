// SQLite for a loop's coroutines: a thread of its own, and group commit.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/worker.h"
#include "store/database.h"
#include "store/sqlite_connection.h"

namespace fairlead::store {

// Writes that arrive while a transaction commits share the next one, so that one fsync pays for all
// of them; each has a savepoint, so that one that fails undoes nothing of the others'. Several
// processes may write the same file: each transaction holds SQLite's lock for its own duration
// only. Opens the file when it is first used, and again when it was replaced or an error made it
// useless.
class Sqlite final : public Database {
 public:
  Sqlite(io::Loop& loop, std::string path, DatabaseOptions options);
  ~Sqlite() override;

  io::Task<Result<std::vector<Rows>>> transaction(std::vector<Statement> statements,
                                                  io::Deadline deadline) override;
  Dialect dialect() const override { return Dialect::kSqlite; }
  Stats stats() const override;
  std::uint64_t commits() const override { return commits_; }
  io::Task<void> close() override;

 private:
  struct Request;
  using Batch = std::vector<std::shared_ptr<Request>>;

  // On the worker's thread.
  void work();
  Result<> ensure_open();
  void run_reads(Batch& batch);
  void run_writes(Batch& batch);
  Result<std::vector<Rows>> run(const Request& request);
  Result<std::vector<Rows>> run_in_savepoint(const Request& request);
  void deliver(Batch batch);

  io::Loop& loop_;
  const std::string path_;
  const DatabaseOptions options_;
  std::mutex mutex_;
  Batch queue_;             // under mutex_
  bool scheduled_ = false;  // under mutex_: work() is going to run

  std::unique_ptr<SqliteConnection> connection_;  // the worker's
  std::atomic<bool> open_ = false;
  std::atomic<std::uint64_t> opened_ = 0;
  std::atomic<std::uint64_t> commits_ = 0;
  std::uint64_t transactions_ = 0, failed_ = 0, in_flight_ = 0;
  io::Worker worker_{"sqlite"};  // last: joined before what it uses goes
};

}  // namespace fairlead::store
