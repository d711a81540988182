#include "store/postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "io/sync.h"
#include "store/test_postgres.h"

namespace fairlead::store {
namespace {

using io::Deadline;
using io::Task;

struct PostgresTest : testing::Test {
  ~PostgresTest() override {
    if (database) io::block_on(*loop, database->close());
  }
  void open(DatabaseOptions options = {}) {
    database = std::make_unique<Postgres>(*loop, url, options);
  }
  Result<Rows> query(std::string sql, std::vector<Value> parameters = {}) {
    return io::block_on(*loop,
                        database->query(std::move(sql), std::move(parameters), Deadline::in(10s)));
  }
  // Tries again while the database is unavailable, for at most `most`.
  Result<Rows> query_within(std::string sql, Duration most) {
    const auto give_up = now() + most;
    for (;;) {
      auto result = query(sql);
      if (result || result.error().code() != Code::kUnavailable || now() > give_up) return result;
      (void)io::block_on(*loop, io::sleep(*loop, 10ms));
    }
  }

  TestPostgres& server = TestPostgres::instance();
  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  const std::string url = server.new_database();
  std::unique_ptr<Postgres> database;
};

Task<void> run_one(Postgres& database, std::string sql, std::vector<Value> parameters,
                   std::vector<Result<Rows>>& results) {
  results.push_back(
      co_await database.query(std::move(sql), std::move(parameters), Deadline::in(20s)));
}

// All of them in flight at once.
Task<void> run_all(io::Loop& loop, Postgres& database, std::string sql, int count,
                   std::vector<Result<Rows>>& results) {
  io::Gate gate(loop);
  for (int i = 0; i < count; ++i) {
    std::vector<Value> parameters(1, std::int64_t{i});
    gate.spawn(run_one(database, sql, std::move(parameters), results));
  }
  (void)co_await gate.drained(Deadline::in(30s));
}

TEST_F(PostgresTest, GivesRowsWithTheirTypes) {
  open();
  const auto rows = query(
                        "SELECT $1::text AS a, $2::int8 AS b, $3::float8 AS c, $4::text AS d, "
                        "true, 1.50::numeric",
                        {std::string("x"), std::int64_t{7}, 0.5, std::monostate{}})
                        .value();
  EXPECT_EQ(rows.columns[1], "b");
  EXPECT_EQ(rows.text(0, 0), "x");
  EXPECT_EQ(rows.integer(0, 1), 7);
  EXPECT_EQ(rows.real(0, 2), 0.5);
  EXPECT_TRUE(rows.is_null(0, 3));
  EXPECT_EQ(rows.integer(0, 4), 1);
  EXPECT_EQ(rows.text(0, 5), "1.50");
}

TEST_F(PostgresTest, ManyRequestsShareOneConnection) {
  open({.max_connections = 1});
  std::vector<Result<Rows>> results;
  io::block_on(*loop, run_all(*loop, *database, "SELECT $1::int8 + 1", 1000, results));
  ASSERT_EQ(results.size(), 1000u);
  for (int i = 0; i < 1000; ++i)
    ASSERT_EQ(results[static_cast<std::size_t>(i)].value().integer(0, 0), i + 1);
  const auto stats = database->stats();
  EXPECT_EQ(stats.connections, 1u);
  EXPECT_EQ(stats.requests, 1000u);
  EXPECT_EQ(stats.failed, 0u);
}

TEST_F(PostgresTest, WhatIsUnderWayHasNotFailed) {
  open();
  std::vector<Result<Rows>> results;
  io::Gate gate(*loop);
  gate.spawn(run_one(*database, "SELECT 1", {}, results));
  EXPECT_EQ(database->stats().in_flight, 1u);
  EXPECT_EQ(database->stats().failed, 0u);
  ASSERT_TRUE(io::block_on(*loop, gate.drained(Deadline::in(10s))));
  EXPECT_EQ(database->stats().in_flight, 0u);
  EXPECT_EQ(database->stats().requests, 1u);
}

TEST_F(PostgresTest, OneThatFailsDoesNotHurtTheOthers) {
  open({.max_connections = 1});
  std::vector<Result<Rows>> results;
  io::block_on(*loop, run_all(*loop, *database, "SELECT 100 / ($1::int8 - 50)", 100, results));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(results[static_cast<std::size_t>(i)].has_value(), i != 50) << i;
  EXPECT_EQ(results[50].error().message(), "PostgreSQL: division by zero");
  EXPECT_EQ(database->stats().failed, 1u);
}

TEST_F(PostgresTest, OpensConnectionsAsTheLoadAsksForThem) {
  open({.max_connections = 4});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(query("SELECT 1"));  // one after the other
  EXPECT_EQ(query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                  "AND backend_type = 'client backend'")
                ->integer(0, 0),
            1);
  for (int i = 0; i < 3; ++i) {
    std::vector<Result<Rows>> results;
    io::block_on(*loop, run_all(*loop, *database, "SELECT pg_sleep(0.01 + $1 * 0)", 20, results));
  }
  EXPECT_EQ(database->stats().connections, 4u);
}

TEST_F(PostgresTest, ATransactionIsUndoneAsAWhole) {
  open();
  ASSERT_TRUE(query("CREATE TABLE t (n integer PRIMARY KEY)"));
  std::vector<Statement> statements;
  statements.push_back({"INSERT INTO t VALUES (1)"});
  statements.push_back({"INSERT INTO t VALUES (1)"});
  const auto result =
      io::block_on(*loop, database->transaction(std::move(statements), Deadline::in(5s)));
  EXPECT_EQ(result.error().code(), Code::kExists);
  EXPECT_EQ(query("SELECT count(*) FROM t")->integer(0, 0), 0);
}

TEST_F(PostgresTest, StatementsThatFailedToPrepareArePreparedLater) {
  open({.max_connections = 1});
  EXPECT_EQ(query("SELECT n FROM later").error().code(), Code::kNotFound);
  ASSERT_TRUE(query("CREATE TABLE later (n integer)"));
  EXPECT_TRUE(query("SELECT n FROM later"));
}

TEST_F(PostgresTest, AStatementThatTakesTooLongIsCancelledByTheServer) {
  open({.statement_timeout = 100ms});
  EXPECT_EQ(query("SELECT pg_sleep(60)").error().code(), Code::kTimeout);
  EXPECT_TRUE(query("SELECT 1"));
}

TEST_F(PostgresTest, GivingUpOnOneAnswerDoesNotMixUpTheNext) {
  open({.max_connections = 1});
  const auto late =
      io::block_on(*loop, database->query("SELECT 1, pg_sleep(0.2)", {}, Deadline::in(20ms)));
  EXPECT_EQ(late.error().code(), Code::kTimeout);
  EXPECT_EQ(query("SELECT 2")->integer(0, 0), 2);
}

TEST_F(PostgresTest, ALostConnectionFailsWhatWasInFlightAndIsReplaced) {
  open({.max_connections = 1});
  ASSERT_TRUE(query("SELECT 1"));
  std::vector<Result<Rows>> results;
  io::Gate gate(*loop);
  gate.spawn(run_one(*database, "SELECT pg_sleep(30)", {}, results));
  server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE datname <> 'postgres'");
  ASSERT_TRUE(io::block_on(*loop, gate.drained(Deadline::in(10s))));
  EXPECT_EQ(results.at(0).error().code(), Code::kUnavailable);
  EXPECT_TRUE(query_within("SELECT 1", 2s));
  EXPECT_EQ(database->stats().reconnects, 1u);
}

TEST_F(PostgresTest, IsBackWithinTwoSecondsOfTheServersReturn) {
  open();
  ASSERT_TRUE(query("SELECT 1"));
  server.stop();
  for (int i = 0; i < 3; ++i) {
    const auto begin = now();
    EXPECT_EQ(query("SELECT 1").error().code(), Code::kUnavailable);
    EXPECT_LT(now() - begin, 1s) << "callers are told at once";
  }
  server.start();
  EXPECT_TRUE(query_within("SELECT 1", 2s));
}

TEST_F(PostgresTest, AServerThatStandsStillIsGivenUp) {
  open({.max_connections = 1});
  ASSERT_TRUE(query("SELECT 1"));
  const auto backend = static_cast<pid_t>(query("SELECT pg_backend_pid()")->integer(0, 0));
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);
  EXPECT_EQ(io::block_on(*loop, database->query("SELECT 1", {}, Deadline::in(50ms))).error().code(),
            Code::kTimeout);
  // The next connection gets another backend.
  EXPECT_TRUE(io::block_on(*loop, io::sleep(*loop, 2500ms)));
  EXPECT_TRUE(query_within("SELECT 1", 2s));
  ::kill(backend, SIGCONT);
}

TEST(PostgresDown, SaysWhy) {
  auto loop = io::Loop::create().value();
  Postgres database(*loop, "postgresql:///x?host=/nowhere", {});
  const auto result = io::block_on(*loop, database.query("SELECT 1", {}, Deadline::in(5s)));
  EXPECT_EQ(result.error().code(), Code::kUnavailable);
  EXPECT_THAT(result.error().message(), testing::HasSubstr("/nowhere"));
  io::block_on(*loop, database.close());
}

}  // namespace
}  // namespace fairlead::store
