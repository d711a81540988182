#include "store/postgres_connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <charconv>

#include "base/strings.h"

namespace fairlead::store {

namespace {

constexpr Duration kConnectTimeout = 5s;
// An answer this late after its request's deadline means that nobody is there any more: the server
// has a statement timeout of its own.
constexpr Duration kSilence = 2s;

// Object identifiers of PostgreSQL's built-in types (pg_type.dat): fixed for all versions.
enum : Oid { kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kFloat4 = 700, kFloat8 = 701 };

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;

bool is_ready(int fd, short events) {
  pollfd poll_fd{fd, events, 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

template <typename Number>
Number number_of(std::string_view text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Value cell(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column)) return std::monostate{};
  const std::string_view text(PQgetvalue(result, row, column),
                              static_cast<std::size_t>(PQgetlength(result, row, column)));
  switch (PQftype(result, column)) {
    case kBool:
      return std::int64_t{text == "t"};
    case kInt8:
    case kInt2:
    case kInt4:
      return number_of<std::int64_t>(text);
    case kFloat4:
    case kFloat8:
      return number_of<double>(text);
    default:
      return std::string(text);
  }
}

Rows rows_of(PGresult* result) {
  Rows rows;
  const int columns = PQnfields(result);
  const int count = PQntuples(result);
  for (int i = 0; i < columns; ++i) rows.columns.emplace_back(PQfname(result, i));
  rows.cells.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(count));
  for (int row = 0; row < count; ++row)
    for (int i = 0; i < columns; ++i) rows.cells.push_back(cell(result, row, i));
  rows.affected = parse_unsigned(PQcmdTuples(result)).value_or(0);
  return rows;
}

// The parameters of one execution, in libpq's form: text, NULL as a null pointer.
struct Parameters {
  explicit Parameters(const std::vector<Value>& values) {
    texts.reserve(values.size());
    for (const auto& value : values) {
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        texts.push_back(fmt::format("{}", *integer));
      } else if (const auto* real = std::get_if<double>(&value)) {
        texts.push_back(fmt::format("{}", *real));
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        texts.push_back(*text);
      } else {
        texts.emplace_back();
        pointers.push_back(nullptr);
        continue;
      }
      pointers.push_back(texts.back().c_str());
    }
  }
  std::vector<std::string> texts;  // reserved above: never moves, so the pointers hold
  std::vector<const char*> pointers;
};

// By SQLSTATE (PostgreSQL manual, appendix A).
Code code_of(std::string_view state) {
  if (state == "23505") return Code::kExists;
  if (state == "42P01") return Code::kNotFound;
  if (state == "57014") return Code::kTimeout;
  // Connection, out of resources, operator's intervention, system errors, a standby, a deadlock or
  // a serialization failure, a statement that the server has forgotten.
  for (const std::string_view prefix : {"08", "53", "57", "58", "25006", "40", "55P03", "26000"})
    if (state.starts_with(prefix)) return Code::kUnavailable;
  return Code::kInvalid;
}

}  // namespace

Error postgres_error(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return Error(code_of(state ? state : "08000"),
               fmt::format("PostgreSQL: {}", message ? message : "no answer"));
}

void PostgresConnection::Finish::operator()(PGconn* connection) const { PQfinish(connection); }

PostgresConnection::PostgresConnection(io::Loop& loop, io::Worker& resolver, std::string conninfo,
                                       Duration statement_timeout, io::Event& changed)
    : loop_(loop),
      resolver_(resolver),
      conninfo_(std::move(conninfo)),
      statement_timeout_(statement_timeout),
      changed_(changed) {}

PostgresConnection::~PostgresConnection() = default;

Error PostgresConnection::error(std::string_view what) const {
  std::string_view message = PQerrorMessage(connection_.get());
  message = message.substr(0, message.find_last_not_of('\n') + 1);
  return Error(Code::kUnavailable, fmt::format("PostgreSQL: {}: {}", what, message));
}

io::Task<void> PostgresConnection::run(io::Stop& stop) {
  const auto until_stop = io::Deadline::never().or_when(stop);
  while (!stop.requested()) {
    auto ended = co_await connect(until_stop.within(kConnectTimeout));
    if (ended) {
      up_ = true;
      down_.reset();
      ++times_connected_;
      changed_.set();
      backoff_.reset();
      ended = co_await serve(stop);
    }
    lose(ended ? Error(Code::kUnavailable, "PostgreSQL: closed") : ended.error());
    (void)co_await io::sleep(loop_, backoff_.next(), until_stop);
  }
}

io::Task<Result<>> PostgresConnection::wait_for(short events, io::Deadline deadline) {
  while (!is_ready(PQsocket(connection_.get()), events))
    CO_TRY_VOID(co_await readiness_->wait(deadline));
  co_return Result<>{};
}

io::Task<Result<>> PostgresConnection::connect(io::Deadline deadline) {
  // Looks names up, which blocks.
  const char* conninfo = conninfo_.c_str();
  connection_.reset(co_await resolver_.run(loop_, [conninfo] { return PQconnectStart(conninfo); }));
  if (!connection_) co_return fail(Code::kUnavailable, "PostgreSQL: out of memory");
  if (PQstatus(connection_.get()) == CONNECTION_BAD) co_return fail(error("cannot connect"));
  readiness_.emplace(loop_);
  // libpq may close its socket and open another inside each PQconnectPoll, with the same number.
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK;) {
    CO_TRY_VOID(readiness_->watch(PQsocket(connection_.get())));
    const auto waited =
        co_await wait_for(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
    if (!waited) co_return fail(Code::kUnavailable, "PostgreSQL: cannot connect: no answer");
    readiness_->unwatch();
    step = PQconnectPoll(connection_.get());
    if (step == PGRES_POLLING_FAILED) co_return fail(error("cannot connect"));
  }
  CO_TRY_VOID(readiness_->watch(PQsocket(connection_.get())));
  if (PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1)
    co_return fail(error("cannot start pipeline mode"));
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
  prepared_.clear();
  broken_ = false;
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(statement_timeout_).count();
  const auto settings = std::make_shared<PostgresRequest>(
      loop_,
      std::vector<Statement>{{.sql = "SET client_encoding = 'UTF8'"},
                             {.sql = fmt::format("SET statement_timeout = {}", milliseconds)}},
      deadline.time());
  // A connection whose settings are under way would look busy, and have another opened beside it.
  send(settings);
  while (!settings->done.is_set()) {
    CO_TRY_VOID(receive());
    if (broken_) co_return fail(error("cannot send"));
    if (!settings->done.is_set()) CO_TRY_VOID(co_await readiness_->wait(deadline));
  }
  if (settings->error) co_return fail(*settings->error);
  co_return Result<>{};
}

// Reads answers until the connection is lost (an error) or told to stop.
io::Task<Result<>> PostgresConnection::serve(io::Stop& stop) {
  for (;;) {
    CO_TRY_VOID(receive());
    if (broken_) co_return fail(error("cannot send"));
    const auto waited = co_await readiness_->wait(io::Deadline::in(500ms).or_when(stop));
    if (stop.requested()) co_return Result<>{};
    if (!waited && waited.error().code() != Code::kTimeout) co_return waited;
    if (!in_flight_.empty() && in_flight_.front()->give_up != Instant::max() &&
        now() > in_flight_.front()->give_up + kSilence)
      co_return fail(Code::kUnavailable, "PostgreSQL: the server does not answer");
  }
}

void PostgresConnection::send(std::shared_ptr<PostgresRequest> request) {
  in_flight_.push_back(request);
  if (broken_) return;
  if (auto queued = queue(*request); !queued || PQflush(connection_.get()) < 0) broken_ = true;
}

// All statements between two synchronisation points are one transaction (PostgreSQL manual §34.5).
Result<> PostgresConnection::queue(PostgresRequest& request) {
  auto* connection = connection_.get();
  for (const auto& statement : request.statements) {
    auto known = prepared_.find(statement.sql);
    if (known == prepared_.end()) {
      known = prepared_.emplace(statement.sql, fmt::format("s{}", ++names_)).first;
      if (!PQsendPrepare(connection, known->second.c_str(), statement.sql.c_str(), 0, nullptr))
        return fail(error("cannot send"));
      request.prepares.push_back(statement.sql);
    }
    const Parameters parameters(statement.parameters);
    if (!PQsendQueryPrepared(connection, known->second.c_str(),
                             static_cast<int>(parameters.pointers.size()),
                             parameters.pointers.data(), nullptr, nullptr, 0))
      return fail(error("cannot send"));
    request.prepares.emplace_back();
  }
  if (!PQpipelineSync(connection)) return fail(error("cannot send"));
  return {};
}

Result<> PostgresConnection::receive() {
  auto* connection = connection_.get();
  do {
    if (!PQconsumeInput(connection)) return fail(error("connection lost"));
    take_all();
    if (PQstatus(connection) == CONNECTION_BAD) return fail(error("connection lost"));
    // One PQconsumeInput reads no more than its buffer holds; the next edge comes only after all of
    // it was read.
  } while (is_ready(PQsocket(connection), POLLIN));
  if (PQflush(connection) < 0) return fail(error("connection lost"));
  return {};
}

// In a pipeline one null comes after each statement's results; more than one in a row means that
// there is nothing (a lost connection gives nulls for ever).
void PostgresConnection::take_all() {
  for (int nulls = 0; nulls < 2 && !in_flight_.empty() && !PQisBusy(connection_.get());) {
    PGresult* result = PQgetResult(connection_.get());
    nulls = result ? 0 : nulls + 1;
    if (result) take(result);
  }
}

// One result of the request at the front; its synchronisation point completes it.
void PostgresConnection::take(PGresult* raw) {
  const ResultPtr result(raw);
  auto& request = *in_flight_.front();
  const auto status = PQresultStatus(raw);
  if (status == PGRES_PIPELINE_SYNC) {
    const auto finished = std::move(in_flight_.front());
    in_flight_.pop_front();
    finished->done.set();
    return;
  }
  const std::size_t index = request.answered++;
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    if (index < request.prepares.size() && request.prepares[index].empty())
      request.rows.push_back(rows_of(raw));
    return;
  }
  if (!request.error && status != PGRES_PIPELINE_ABORTED) request.error = postgres_error(raw);
  // A statement that was not prepared, or has gone stale, is prepared anew the next time.
  if (index < request.prepares.size() && !request.prepares[index].empty())
    prepared_.erase(request.prepares[index]);
  const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE);
  if (state && (std::string_view(state) == "26000" || std::string_view(state) == "0A000"))
    for (const auto& statement : request.statements) prepared_.erase(statement.sql);
}

void PostgresConnection::lose(const Error& why) {
  up_ = false;
  down_ = why;
  readiness_.reset();
  connection_.reset();
  for (const auto& request : std::exchange(in_flight_, {})) {
    request->error = Error(why).in("it is not known whether the change was made");
    request->done.set();
  }
  changed_.set();
}

}  // namespace fairlead::store
