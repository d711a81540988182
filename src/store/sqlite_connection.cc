#include "store/sqlite_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <random>
#include <thread>

namespace fairlead::store {

namespace {

// Statements are few and written in the program; a cache that grows past this holds built-up SQL.
constexpr std::size_t kMaxPrepared = 256;

Code code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
      return Code::kExists;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
      return Code::kUnavailable;
    default:
      return Code::kInvalid;
  }
}

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return std::monostate{};
    default: {
      const auto* text = static_cast<const char*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return text ? std::string(text, size) : std::string();
    }
  }
}

// The text stays the caller's: it outlives the step.
int bind_value(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return sqlite3_bind_int64(statement, index, *integer);
  if (const auto* real = std::get_if<double>(&value))
    return sqlite3_bind_double(statement, index, *real);
  if (const auto* text = std::get_if<std::string>(&value))
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  return sqlite3_bind_null(statement, index);
}

}  // namespace

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}
void SqliteConnection::Close::operator()(sqlite3* database) const { sqlite3_close(database); }
SqliteConnection::~SqliteConnection() = default;

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path,
                                                                 Missing missing,
                                                                 Duration busy_timeout) {
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection);
  connection->busy_.timeout = busy_timeout;
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (missing == Missing::kIsCreated ? SQLITE_OPEN_CREATE : 0);
  const int result = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  connection->database_.reset(database);
  if (result != SQLITE_OK) return fail(connection->error(fmt::format("cannot open {}", path)));
  sqlite3_busy_handler(database, &SqliteConnection::on_busy, &connection->busy_);
  if (auto configured = connection->configure(); !configured)
    return fail(std::move(configured).error().in(fmt::format("cannot open {}", path)));
  return connection;
}

Result<> SqliteConnection::configure() {
  TRY_VOID(execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"));
  // Changing to WAL takes an exclusive lock for which SQLite does not call the busy handler when
  // two connections ask at once; one of them wins within a few tries.
  const Instant give_up = now() + busy_.timeout;
  for (;;) {
    auto changed = execute("PRAGMA journal_mode = WAL");
    if (changed || changed.error().code() != Code::kUnavailable || now() > give_up) return changed;
    if ((sqlite3_errcode(database_.get()) & 0xff) != SQLITE_BUSY) return changed;
    on_busy(&busy_, 0);  // sleeps a little
  }
}

// SQLite's own handler sleeps up to 100 ms, which is an age to a process that commits every
// millisecond; short sleeps of random length share the lock evenly between processes.
int SqliteConnection::on_busy(void* self, int attempt) {
  auto& busy = *static_cast<Busy*>(self);
  if (attempt == 0) busy.since = now();
  if (attempt > 0 && now() - busy.since > busy.timeout) return 0;
  thread_local std::minstd_rand random{std::random_device{}()};
  const unsigned most = std::min(100u << std::min(attempt, 4), 1000u);
  std::this_thread::sleep_for(
      std::chrono::microseconds(std::uniform_int_distribution<unsigned>(50, most)(random)));
  return 1;
}

Error SqliteConnection::error(std::string_view what) const {
  const int result = sqlite3_extended_errcode(database_.get());
  const char* message = sqlite3_errmsg(database_.get());
  const Code code =
      std::string_view(message).starts_with("no such table") ? Code::kNotFound : code_of(result);
  return Error(code, fmt::format("{}: {}", what, message));
}

Result<sqlite3_stmt*> SqliteConnection::prepare(const std::string& sql) {
  if (const auto known = prepared_.find(sql); known != prepared_.end()) return known->second.get();
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.c_str(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    return fail(error("SQLite"));
  if (!statement) return fail(Code::kInvalid, "SQLite: empty statement");
  if (prepared_.size() >= kMaxPrepared) prepared_.clear();
  prepared_.emplace(sql, statement);
  return statement;
}

Result<bool> SqliteConnection::is_readonly(const std::string& sql) {
  TRY(auto* statement, prepare(sql));
  return sqlite3_stmt_readonly(statement) != 0;
}

Result<Rows> SqliteConnection::run(const Statement& statement) {
  TRY(auto* prepared, prepare(statement.sql));
  struct Reset {
    sqlite3_stmt* prepared;
    ~Reset() {
      sqlite3_reset(prepared);
      sqlite3_clear_bindings(prepared);
    }
  } reset{prepared};
  for (std::size_t i = 0; i < statement.parameters.size(); ++i) {
    const int index = sqlite3_bind_parameter_index(prepared, fmt::format("${}", i + 1).c_str());
    if (index > 0 && bind_value(prepared, index, statement.parameters[i]) != SQLITE_OK)
      return fail(error("SQLite"));
  }
  Rows rows;
  const int columns = sqlite3_column_count(prepared);
  for (int i = 0; i < columns; ++i) rows.columns.emplace_back(sqlite3_column_name(prepared, i));
  int result = 0;
  while ((result = sqlite3_step(prepared)) == SQLITE_ROW)
    for (int i = 0; i < columns; ++i) rows.cells.push_back(column_value(prepared, i));
  if (result != SQLITE_DONE) return fail(error("SQLite"));
  if (!sqlite3_stmt_readonly(prepared))
    rows.affected = static_cast<std::uint64_t>(sqlite3_changes64(database_.get()));
  return rows;
}

Result<> SqliteConnection::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(error("SQLite"));
  return {};
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

bool SqliteConnection::file_moved() const {
  int moved = 0;
  sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

}  // namespace fairlead::store
