// One connection to PostgreSQL by libpq's non-blocking API, in pipeline mode.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/stream.h"
#include "io/sync.h"
#include "io/worker.h"
#include "store/backoff.h"
#include "store/database.h"

using PGconn = struct pg_conn;
using PGresult = struct pg_result;

namespace fairlead::store {

// A transaction on its way: shared by its caller, who may give up, and the connection, which cannot
// (the answer comes all the same and must be matched).
struct PostgresRequest {
  PostgresRequest(io::Loop& loop, std::vector<Statement> work, Instant latest)
      : statements(std::move(work)), give_up(latest), done(loop) {}

  const std::vector<Statement> statements;
  const Instant give_up;
  std::vector<std::string> prepares;  // for each result to come: the SQL it prepares, or ""
  std::size_t answered = 0;           // results that have come
  std::vector<Rows> rows;
  std::optional<Error> error;
  io::Event done;
};

// PostgreSQL's own statement of what went wrong, with a code that callers may branch on.
Error postgres_error(const PGresult* result);

class PostgresConnection {
 public:
  // `resolver` runs what blocks while connecting; `changed` is set whenever this connection came up
  // or failed to.
  PostgresConnection(io::Loop& loop, io::Worker& resolver, std::string conninfo,
                     Duration statement_timeout, io::Event& changed);
  ~PostgresConnection();

  // Connects, reads answers, and connects again, until `stop`.
  io::Task<void> run(io::Stop& stop);

  bool up() const { return up_; }
  // Why it is not up; nothing while the first attempt is under way.
  const std::optional<Error>& down() const { return down_; }
  std::size_t in_flight() const { return in_flight_.size(); }
  std::uint64_t times_connected() const { return times_connected_; }

  // Only when up(). The request's `done` is set when its answer came or the connection was lost.
  void send(std::shared_ptr<PostgresRequest> request);

 private:
  struct Finish {
    void operator()(PGconn* connection) const;
  };

  io::Task<Result<>> connect(io::Deadline deadline);
  io::Task<Result<>> wait_for(short events, io::Deadline deadline);
  io::Task<Result<>> serve(io::Stop& stop);
  Result<> queue(PostgresRequest& request);
  Result<> receive();
  void take_all();
  void take(PGresult* result);
  void lose(const Error& why);
  Error error(std::string_view what) const;

  io::Loop& loop_;
  io::Worker& resolver_;
  const std::string conninfo_;
  const Duration statement_timeout_;
  io::Event& changed_;
  Backoff backoff_;

  std::unique_ptr<PGconn, Finish> connection_;
  std::optional<io::Readiness> readiness_;  // declared after: unwatches before libpq closes
  std::deque<std::shared_ptr<PostgresRequest>> in_flight_;
  std::unordered_map<std::string, std::string> prepared_;  // SQL to the name of its statement
  std::uint64_t names_ = 0;
  std::uint64_t times_connected_ = 0;
  bool up_ = false;
  bool broken_ = false;  // sending failed: serve() gives the connection up
  std::optional<Error> down_;
};

}  // namespace fairlead::store
