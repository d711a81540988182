#include "store/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "io/sync.h"
#include "store/test_folder.h"

namespace fairlead::store {
namespace {

using io::Deadline;
using io::Task;

struct SqliteTest : testing::Test {
  SqliteTest() {
    auto connection =
        SqliteConnection::open(path, SqliteConnection::Missing::kIsCreated, 5s).value();
    EXPECT_TRUE(connection->execute(
        "CREATE TABLE counter (name text PRIMARY KEY, n integer CHECK (n < 1000000))"));
  }
  Result<Rows> query(Sqlite& database, std::string sql, std::vector<Value> parameters = {}) {
    return io::block_on(*loop,
                        database.query(std::move(sql), std::move(parameters), Deadline::in(5s)));
  }
  std::int64_t sum(Sqlite& database) {
    return query(database, "SELECT coalesce(sum(n), 0) FROM counter").value().integer(0, 0);
  }

  TestFolder folder;
  const std::string path = folder / "test.db";
  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
};

constexpr const char* kIncrement =
    "INSERT INTO counter VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET n = n + $2 RETURNING n";

Task<void> increment(Sqlite& database, std::string name, std::int64_t by,
                     std::vector<Result<Rows>>& results) {
  results.push_back(co_await database.query(kIncrement, {std::move(name), by}, Deadline::in(10s)));
}

// Spawns `count` increments of 1 at once; number `bad`, if any, breaks the table's check.
Task<void> increment_at_once(io::Loop& loop, Sqlite& database, int count, int bad,
                             std::vector<Result<Rows>>& results) {
  io::Gate gate(loop);
  for (int i = 0; i < count; ++i)
    gate.spawn(increment(database, "a", i == bad ? 1'000'000 : 1, results));
  (void)co_await gate.drained(Deadline::in(20s));
}

TEST_F(SqliteTest, GivesRowsWithTheirTypes) {
  Sqlite database(*loop, path, {});
  const auto rows = query(database, "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $1 || '!'",
                          {std::string("x"), std::int64_t{7}, 0.5, std::monostate{}})
                        .value();
  EXPECT_THAT(rows.columns, testing::ElementsAre("a", "b", "c", "d", "$1 || '!'"));
  EXPECT_EQ(rows.text(0, 0), "x");
  EXPECT_EQ(rows.integer(0, 1), 7);
  EXPECT_EQ(rows.real(0, 2), 0.5);
  EXPECT_TRUE(rows.is_null(0, 3));
  EXPECT_EQ(rows.text(0, 4), "x!");
}

TEST_F(SqliteTest, WritesThatWaitShareACommit) {
  Sqlite database(*loop, path, {});
  std::vector<Result<Rows>> results;
  io::block_on(*loop, increment_at_once(*loop, database, 300, -1, results));
  ASSERT_EQ(results.size(), 300u);
  EXPECT_EQ(sum(database), 300);
  EXPECT_LT(database.commits(), 30u);
}

TEST_F(SqliteTest, OneWriteThatFailsDoesNotHurtTheOthers) {
  Sqlite database(*loop, path, {});
  std::vector<Result<Rows>> results;
  io::block_on(*loop, increment_at_once(*loop, database, 100, 50, results));
  EXPECT_EQ(std::ranges::count_if(results, [](auto& result) { return !result; }), 1);
  EXPECT_EQ(sum(database), 99);
  EXPECT_EQ(database.stats().failed, 1u);
}

TEST_F(SqliteTest, ATransactionIsUndoneAsAWhole) {
  Sqlite database(*loop, path, {});
  std::vector<Statement> statements;
  statements.push_back({kIncrement, {std::string("a"), std::int64_t{1}}});
  statements.push_back({"INSERT INTO counter VALUES ('b', 1000000)"});
  EXPECT_FALSE(io::block_on(*loop, database.transaction(std::move(statements), Deadline::in(5s))));
  EXPECT_EQ(sum(database), 0);
}

TEST_F(SqliteTest, SeveralWritersOfOneFileLoseNothing) {
  constexpr int kThreads = 3, kEach = 400;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([this] {
        auto own_loop = io::Loop::create().value();
        Sqlite database(*own_loop, path, {.statement_timeout = 20s});
        std::vector<Result<Rows>> results;
        for (int round = 0; round < kEach / 20; ++round)
          io::block_on(*own_loop, increment_at_once(*own_loop, database, 20, -1, results));
        EXPECT_TRUE(std::ranges::all_of(results, [](auto& result) { return result.has_value(); }));
      });
  }
  Sqlite database(*loop, path, {});
  EXPECT_EQ(sum(database), kThreads * kEach);
}

TEST_F(SqliteTest, SaysThatTheFileIsLockedAndComesBack) {
  auto other = SqliteConnection::open(path, SqliteConnection::Missing::kFails, 1s).value();
  ASSERT_TRUE(other->execute("BEGIN IMMEDIATE"));
  Sqlite database(*loop, path, {.statement_timeout = 50ms});
  const auto locked = query(database, kIncrement, {std::string("a"), std::int64_t{1}});
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code(), Code::kUnavailable);
  EXPECT_THAT(locked.error().message(), testing::HasSubstr("locked"));
  EXPECT_EQ(sum(database), 0);  // reading goes on meanwhile
  ASSERT_TRUE(other->execute("COMMIT"));
  EXPECT_TRUE(query(database, kIncrement, {std::string("a"), std::int64_t{1}}));
}

TEST_F(SqliteTest, AFileThatIsGoneIsAnErrorUntilItIsBack) {
  Sqlite database(*loop, path, {});
  ASSERT_TRUE(query(database, kIncrement, {std::string("a"), std::int64_t{1}}));
  std::filesystem::create_directory(folder / "aside");
  for (const auto* suffix : {"", "-wal", "-shm"})
    std::filesystem::rename(path + suffix, folder / "aside" / (std::string("test.db") + suffix));
  const auto gone = query(database, kIncrement, {std::string("a"), std::int64_t{1}});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), Code::kUnavailable);
  for (const auto* suffix : {"", "-wal", "-shm"})
    std::filesystem::rename(folder / "aside" / (std::string("test.db") + suffix), path + suffix);
  EXPECT_EQ(query(database, kIncrement, {std::string("a"), std::int64_t{1}})->integer(0, 0), 2);
}

TEST_F(SqliteTest, ErrorsSayWhatKindTheyAre) {
  Sqlite database(*loop, path, {});
  const auto no_table = query(database, "SELECT * FROM nowhere");
  EXPECT_EQ(no_table.error().code(), Code::kNotFound) << no_table.error().message();
  EXPECT_EQ(query(database, "SELEKT").error().code(), Code::kInvalid);
  ASSERT_TRUE(query(database, "INSERT INTO counter VALUES ('a', 1)"));
  EXPECT_EQ(query(database, "INSERT INTO counter VALUES ('a', 1)").error().code(), Code::kExists);
}

TEST_F(SqliteTest, WhatHasNotBegunInTimeIsNotDone) {
  Sqlite database(*loop, path, {});
  const auto late = io::block_on(
      *loop, database.query(kIncrement, {std::string("a"), std::int64_t{1}}, Deadline::in(0s)));
  EXPECT_EQ(late.error().code(), Code::kTimeout);
  EXPECT_EQ(sum(database), 0);
}

}  // namespace
}  // namespace fairlead::store
