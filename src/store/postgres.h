// PostgreSQL for a loop's coroutines: connections in pipeline mode, opened as the load asks for
// them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/sync.h"
#include "io/worker.h"
#include "store/database.h"
#include "store/postgres_connection.h"

namespace fairlead::store {

// A transaction goes to the connection that has the fewest in flight, and does not wait there for
// those before it to be answered. Reads and writes alike run once: what was in flight on a
// connection that is lost fails, and its caller decides.
class Postgres final : public Database {
 public:
  Postgres(io::Loop& loop, std::string conninfo, DatabaseOptions options);
  ~Postgres() override;

  io::Task<Result<std::vector<Rows>>> transaction(std::vector<Statement> statements,
                                                  io::Deadline deadline) override;
  Dialect dialect() const override { return Dialect::kPostgresql; }
  Stats stats() const override;
  std::uint64_t commits() const override { return transactions_ - failed_; }
  io::Task<void> close() override;

 private:
  io::Task<Result<std::vector<Rows>>> attempt(std::vector<Statement> statements,
                                              io::Deadline deadline);
  io::Task<Result<PostgresConnection*>> choose(io::Deadline deadline);
  PostgresConnection* least_busy() const;
  void add_connection();

  io::Loop& loop_;
  const std::string conninfo_;
  const DatabaseOptions options_;
  io::Worker resolver_{"libpq-connect"};
  io::Gate gate_;
  io::Stop stop_;
  io::Event changed_;  // a connection came up, or could not
  std::vector<std::unique_ptr<PostgresConnection>> connections_;
  std::uint64_t transactions_ = 0, failed_ = 0, in_flight_ = 0;
};

}  // namespace fairlead::store
