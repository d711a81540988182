#include "store/sqlite.h"

#include <algorithm>

#include "io/sync.h"

namespace fairlead::store {

namespace {
// One transaction takes no more than this many requests: it bounds how long the first of them waits
// and how long other processes are kept from the file.
constexpr std::size_t kMaxBatch = 512;
constexpr std::size_t kMaxWaiting = 20'000;
}  // namespace

struct Sqlite::Request {
  Request(io::Loop& loop, std::vector<Statement> work, Instant latest)
      : statements(std::move(work)), give_up(latest), done(loop) {}

  // Whoever claims it decides its end: the worker by running it, the caller by giving it up.
  bool claim() { return !claimed.exchange(true); }

  const std::vector<Statement> statements;
  const Instant give_up;
  std::atomic<bool> claimed = false;
  Result<std::vector<Rows>> outcome = fail(Code::kTimeout, "SQLite: not begun in time");
  io::Event done;  // the loop's thread
};

Sqlite::Sqlite(io::Loop& loop, std::string path, DatabaseOptions options)
    : loop_(loop), path_(std::move(path)), options_(options) {}

Sqlite::~Sqlite() = default;

io::Task<void> Sqlite::close() { co_return; }

Stats Sqlite::stats() const {
  const auto opened = opened_.load();
  return {.requests = transactions_,
          .failed = failed_,
          .reconnects = opened > 0 ? opened - 1 : 0,
          .in_flight = in_flight_,
          .connections = open_ ? 1u : 0u};
}

io::Task<Result<std::vector<Rows>>> Sqlite::transaction(std::vector<Statement> statements,
                                                        io::Deadline deadline) {
  auto request = std::make_shared<Request>(loop_, std::move(statements), deadline.time());
  {
    const std::scoped_lock lock(mutex_);
    if (queue_.size() >= kMaxWaiting)
      co_return fail(Code::kUnavailable, "SQLite: too many requests are waiting");
    queue_.push_back(request);
    if (!std::exchange(scheduled_, true)) worker_.submit([this] { work(); });
  }
  ++in_flight_;
  auto waited = co_await request->done.wait(deadline);
  // Nothing begins after its caller gave up; what has begun ends within SQLite's own time-outs, and
  // its outcome is worth waiting for, as a caller told "timeout" would not know what is stored.
  if (!waited && !request->claim())
    waited = co_await request->done.wait(io::Deadline::in(options_.statement_timeout));
  --in_flight_;
  ++transactions_;
  if (!waited || !request->outcome) ++failed_;
  if (!waited) co_return fail(Error(waited.error().code(), "SQLite: no answer in time").in(path_));
  co_return std::move(request->outcome);
}

void Sqlite::work() {
  Batch batch;
  {
    const std::scoped_lock lock(mutex_);
    const auto count = std::min(queue_.size(), kMaxBatch);
    batch.assign(std::make_move_iterator(queue_.begin()),
                 std::make_move_iterator(queue_.begin() + static_cast<std::ptrdiff_t>(count)));
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const Instant time = now();
  std::erase_if(batch,
                [&](auto& request) { return time >= request->give_up || !request->claim(); });
  if (auto opened = ensure_open(); opened) {
    run_reads(batch);
    run_writes(batch);
  } else {
    for (auto& request : batch) request->outcome = fail(opened.error());
    deliver(std::move(batch));
  }
  const std::scoped_lock lock(mutex_);
  scheduled_ = !queue_.empty();
  if (scheduled_) worker_.submit([this] { work(); });
}

Result<> Sqlite::ensure_open() {
  if (connection_ && connection_->file_moved()) connection_.reset();
  if (!connection_) {
    open_ = false;
    TRY(connection_, SqliteConnection::open(path_, SqliteConnection::Missing::kFails,
                                            options_.statement_timeout));
    open_ = true;
    ++opened_;
  }
  return {};
}

// Takes the requests that change nothing out of the batch and answers them: before the others,
// since inside their transaction they would see what may yet be undone.
void Sqlite::run_reads(Batch& batch) {
  Batch answered;
  std::erase_if(batch, [&](auto& request) {
    for (const auto& statement : request->statements) {
      const auto readonly = connection_->is_readonly(statement.sql);
      if (readonly && !*readonly) return false;
      if (!readonly) {
        request->outcome = fail(readonly.error());
        answered.push_back(request);
        return true;
      }
    }
    request->outcome = request->statements.size() == 1 ? run(*request) : run_in_savepoint(*request);
    answered.push_back(request);
    return true;
  });
  if (!answered.empty()) deliver(std::move(answered));
}

void Sqlite::run_writes(Batch& batch) {
  if (batch.empty()) return;
  auto begun = connection_->execute("BEGIN IMMEDIATE");
  for (auto& request : batch) {
    if (!begun) {
      request->outcome = fail(begun.error());
      continue;
    }
    request->outcome = request->statements.size() == 1 ? run(*request) : run_in_savepoint(*request);
    // A full disk or an I/O error may have undone the whole transaction, with all that was in it.
    if (!connection_->in_transaction())
      begun = fail(Code::kUnavailable, "SQLite: the transaction was undone: " +
                                           (request->outcome ? std::string("no reason given")
                                                             : request->outcome.error().message()));
  }
  if (begun) begun = connection_->execute("COMMIT");
  if (begun) {
    ++commits_;
  } else {
    if (connection_->in_transaction()) (void)connection_->execute("ROLLBACK");
    for (auto& request : batch) request->outcome = fail(begun.error());
    connection_.reset();  // whatever is wrong with it, the next batch starts from a clean one
    open_ = false;
  }
  deliver(std::move(batch));
}

Result<std::vector<Rows>> Sqlite::run(const Request& request) {
  std::vector<Rows> results;
  for (const auto& statement : request.statements) {
    TRY(Rows rows, connection_->run(statement));
    results.push_back(std::move(rows));
  }
  return results;
}

Result<std::vector<Rows>> Sqlite::run_in_savepoint(const Request& request) {
  TRY_VOID(connection_->execute("SAVEPOINT request"));
  auto results = run(request);
  if (!connection_->in_transaction()) return results;
  if (!results) TRY_VOID(connection_->execute("ROLLBACK TO request"));
  TRY_VOID(connection_->execute("RELEASE request"));
  return results;
}

void Sqlite::deliver(Batch batch) {
  loop_.post([done = std::move(batch)] {
    for (const auto& request : done) request->done.set();
  });
}

}  // namespace fairlead::store
