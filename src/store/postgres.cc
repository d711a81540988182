#include "store/postgres.h"

#include <algorithm>

namespace fairlead::store {

Postgres::Postgres(io::Loop& loop, std::string conninfo, DatabaseOptions options)
    : loop_(loop), conninfo_(std::move(conninfo)), options_(options), gate_(loop), changed_(loop) {
  add_connection();
}

Postgres::~Postgres() = default;

void Postgres::add_connection() {
  connections_.push_back(std::make_unique<PostgresConnection>(
      loop_, resolver_, conninfo_, options_.statement_timeout, changed_));
  gate_.spawn(connections_.back()->run(stop_));
}

io::Task<void> Postgres::close() {
  stop_.request();
  gate_.close();
  (void)co_await gate_.drained(io::Deadline::never());
}

Stats Postgres::stats() const {
  Stats stats{.requests = transactions_, .failed = failed_, .in_flight = in_flight_};
  for (const auto& connection : connections_) {
    stats.connections += connection->up() ? 1 : 0;
    if (connection->times_connected() > 1) stats.reconnects += connection->times_connected() - 1;
  }
  return stats;
}

PostgresConnection* Postgres::least_busy() const {
  PostgresConnection* best = nullptr;
  for (const auto& connection : connections_)
    if (connection->up() && (!best || connection->in_flight() < best->in_flight()))
      best = connection.get();
  return best;
}

// While the first attempt to connect is under way it is waited for; once it is known that the
// database cannot be reached, callers are told at once.
io::Task<Result<PostgresConnection*>> Postgres::choose(io::Deadline deadline) {
  for (;;) {
    if (auto* best = least_busy()) {
      if (best->in_flight() > 0 && connections_.size() < options_.max_connections) add_connection();
      co_return best;
    }
    for (const auto& connection : connections_)
      if (connection->down()) co_return fail(*connection->down());
    changed_.reset();
    CO_TRY_VOID(co_await changed_.wait(deadline));
  }
}

io::Task<Result<std::vector<Rows>>> Postgres::transaction(std::vector<Statement> statements,
                                                          io::Deadline deadline) {
  ++in_flight_;
  auto outcome = co_await attempt(std::move(statements), deadline);
  --in_flight_;
  ++transactions_;
  if (!outcome) ++failed_;
  co_return outcome;
}

io::Task<Result<std::vector<Rows>>> Postgres::attempt(std::vector<Statement> statements,
                                                      io::Deadline deadline) {
  CO_TRY(auto* connection, co_await choose(deadline));
  auto request = std::make_shared<PostgresRequest>(loop_, std::move(statements), deadline.time());
  connection->send(request);
  const auto waited = co_await request->done.wait(deadline);
  if (!waited) co_return fail(Error(waited.error().code(), "PostgreSQL: no answer in time"));
  if (request->error) co_return fail(std::move(*request->error));
  co_return std::move(request->rows);
}

}  // namespace fairlead::store
