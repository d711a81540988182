#include "store/script_runner.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <filesystem>

#include "base/file.h"
#include "store/postgres_connection.h"
#include "store/sqlite_connection.h"

namespace fairlead::store {

namespace {

// A migration may have to wait for one of another process.
constexpr Duration kLockTimeout = 60s;
// Any number does, as long as all Fairlead's migrations use the same: "fairlead" in ASCII.
constexpr std::string_view kAdvisoryLock = "7377304144494584164";

class SqliteRunner final : public ScriptRunner {
 public:
  explicit SqliteRunner(std::unique_ptr<SqliteConnection> connection)
      : connection_(std::move(connection)) {}

  Result<std::vector<std::string>> column(const std::string& sql) override {
    TRY(const Rows rows, connection_->run({.sql = sql}));
    std::vector<std::string> values;
    for (std::size_t row = 0; row < rows.size(); ++row) values.push_back(rows.text(row, 0));
    return values;
  }
  Result<> execute(const std::string& script) override { return connection_->execute(script); }
  Result<> begin_locked() override { return connection_->execute("BEGIN IMMEDIATE"); }
  Result<bool> has_table(const std::string& name) override {
    TRY(const auto found,
        column(
            fmt::format("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{}'", name)));
    return !found.empty();
  }

 private:
  std::unique_ptr<SqliteConnection> connection_;
};

class PostgresRunner final : public ScriptRunner {
 public:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  explicit PostgresRunner(PGconn* connection) : connection_(connection) {
    PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
  }

  Result<> connected() const {
    if (PQstatus(connection_.get()) == CONNECTION_OK) return {};
    std::string_view message = PQerrorMessage(connection_.get());
    return fail(
        Code::kUnavailable,
        fmt::format("PostgreSQL: {}", message.substr(0, message.find_last_not_of('\n') + 1)));
  }
  Result<std::vector<std::string>> column(const std::string& sql) override {
    struct Clear {
      void operator()(PGresult* result) const { PQclear(result); }
    };
    const std::unique_ptr<PGresult, Clear> result(PQexec(connection_.get(), sql.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      return fail(postgres_error(result.get()));
    std::vector<std::string> values;
    for (int row = 0; row < PQntuples(result.get()); ++row)
      values.emplace_back(PQgetvalue(result.get(), row, 0));
    return values;
  }
  Result<> execute(const std::string& script) override {
    TRY([[maybe_unused]] const auto rows, column(script));
    return {};
  }
  Result<> begin_locked() override {
    return execute(
        fmt::format("BEGIN; SET LOCAL lock_timeout = '{}s'; "
                    "SELECT pg_advisory_xact_lock({}); SET LOCAL lock_timeout = 0",
                    kLockTimeout / 1s, kAdvisoryLock));
  }
  Result<bool> has_table(const std::string& name) override {
    TRY(const auto found, column(fmt::format("SELECT to_regclass('{}') IS NOT NULL", name)));
    return found.at(0) == "t";
  }

 private:
  std::unique_ptr<PGconn, Finish> connection_;
};

}  // namespace

Result<std::unique_ptr<ScriptRunner>> open_script_runner(const DatabaseUrl& url, bool create) {
  if (url.dialect == Dialect::kPostgresql) {
    auto runner = std::make_unique<PostgresRunner>(PQconnectdb(url.conninfo.c_str()));
    TRY_VOID(runner->connected());
    return runner;
  }
  const std::filesystem::path path(url.path);
  if (create) {
    TRY_VOID(make_directories(path.parent_path()));
  } else if (!std::filesystem::exists(path)) {
    return fail(Code::kNotFound, fmt::format("{} does not exist", url.path));
  }
  const auto missing =
      create ? SqliteConnection::Missing::kIsCreated : SqliteConnection::Missing::kFails;
  TRY(auto connection, SqliteConnection::open(url.path, missing, kLockTimeout));
  return std::make_unique<SqliteRunner>(std::move(connection));
}

}  // namespace fairlead::store
