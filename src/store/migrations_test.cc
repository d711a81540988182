#include "store/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "io/sync.h"
#include "store/script_runner.h"
#include "store/test_folder.h"
#include "store/test_postgres.h"

namespace fairlead::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Every test runs on both databases.
struct MigrationsTest : testing::TestWithParam<Dialect> {
  MigrationsTest()
      : url(parse_database_url("URL",
                               GetParam() == Dialect::kSqlite
                                   ? fmt::format("sqlite://{}", (folder / "sub/x.db").string())
                                   : TestPostgres::instance().new_database())
                .value()) {}
  std::string scalar(const std::string& sql) {
    return open_script_runner(url, false).value()->column(sql).value().at(0);
  }
  TestFolder folder;
  const DatabaseUrl url;
};

INSTANTIATE_TEST_SUITE_P(Both, MigrationsTest,
                         testing::Values(Dialect::kSqlite, Dialect::kPostgresql),
                         [](const auto& info) {
                           return info.param == Dialect::kSqlite ? "Sqlite" : "Postgresql";
                         });

const Migrations kTwoSteps{
    .steps = {{1, "animals",
               Script::both("CREATE TABLE animal (name text); "
                            "INSERT INTO animal VALUES ('otter')")},
              {2, "legs", Script::both("ALTER TABLE animal ADD COLUMN legs integer"),
               Script::both("ALTER TABLE animal DROP COLUMN legs")}}};

TEST_P(MigrationsTest, AppliesEachStepOnce) {
  EXPECT_EQ(migration_state(url, kTwoSteps)->version, 0);
  EXPECT_THAT(migrate_up(url, kTwoSteps)->changed, ElementsAre(1, 2));
  const auto again = migrate_up(url, kTwoSteps).value();
  EXPECT_THAT(again.changed, IsEmpty());
  EXPECT_EQ(again.version, 2);
  EXPECT_EQ(again.steps.at(0).name, "animals");
  EXPECT_THAT(again.steps.at(0).applied_at, HasSubstr("T"));
  EXPECT_EQ(scalar("SELECT count(*) FROM animal"), "1");
}

TEST_P(MigrationsTest, TwoAtOnceDoTheWorkOnce) {
  std::vector<std::size_t> applied(4);
  {
    std::vector<std::jthread> threads;
    for (auto& count : applied)
      threads.emplace_back([&] { count = migrate_up(url, kTwoSteps).value().changed.size(); });
  }
  EXPECT_EQ(std::accumulate(applied.begin(), applied.end(), std::size_t{0}), 2u);
  EXPECT_EQ(scalar("SELECT count(*) FROM animal"), "1");
}

TEST_P(MigrationsTest, UndoesTheLastStepIfItCan) {
  ASSERT_TRUE(migrate_up(url, kTwoSteps));
  EXPECT_THAT(migrate_down(url, kTwoSteps)->changed, ElementsAre(2));
  const auto refused = migrate_down(url, kTwoSteps);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "migration 1 (animals) cannot be undone");
  EXPECT_EQ(migration_state(url, kTwoSteps)->version, 1);
  EXPECT_THAT(migrate_up(url, kTwoSteps)->changed, ElementsAre(2));
}

TEST_P(MigrationsTest, AStepThatFailsLeavesNothingOfItself) {
  auto broken = kTwoSteps;
  broken.steps.push_back({3, "broken", Script::both("CREATE TABLE half (n integer); SELEKT")});
  const auto failed = migrate_up(url, broken);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("migration 3 (broken): "));
  EXPECT_EQ(migration_state(url, broken)->version, 2);
  EXPECT_FALSE(open_script_runner(url, false).value()->has_table("half").value());
}

TEST_P(MigrationsTest, TakesOverWhatAlembicMade) {
  ASSERT_TRUE(open_script_runner(url, true).value()->execute(
      "CREATE TABLE alembic_version (version_num varchar(32)); "
      "INSERT INTO alembic_version VALUES ('abc'); "
      "CREATE TABLE animal (name text)"));
  auto other = kTwoSteps;
  other.takeover = {"def", 1};
  EXPECT_THAT(migrate_up(url, other).error().message(), HasSubstr("only def can be taken over"));
  auto ours = kTwoSteps;
  ours.takeover = {"abc", 1};
  EXPECT_THAT(migrate_up(url, ours)->changed, ElementsAre(2));
  EXPECT_EQ(scalar("SELECT count(*) FROM animal"), "0");
}

TEST_P(MigrationsTest, ADatabaseAheadOfTheProgramIsLeftAlone) {
  ASSERT_TRUE(migrate_up(url, kTwoSteps));
  const Migrations older{.steps = {kTwoSteps.steps[0]}};
  const auto state = migrate_up(url, older).value();
  EXPECT_THAT(state.changed, IsEmpty());
  EXPECT_EQ(state.version, 2);
  EXPECT_EQ(state.steps.size(), 2u);
  EXPECT_THAT(migrate_down(url, older).error().message(), HasSubstr("later version"));
}

TEST_P(MigrationsTest, ReadinessAsksForTheSchema) {
  auto loop = io::Loop::create().value();
  ASSERT_TRUE(open_script_runner(url, true));
  const auto database = open_database(*loop, url);
  const auto check = [&] {
    return io::block_on(*loop, check_schema(*database, 2, io::Deadline::in(5s)));
  };
  const auto missing = check();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "the schema is at version 0, version 2 is needed");
  ASSERT_TRUE(migrate_up(url, kTwoSteps));
  EXPECT_TRUE(check());
  io::block_on(*loop, database->close());
}

TEST(Migrations, LookingAtAFileThatIsNotThereDoesNotMakeIt) {
  TestFolder folder;
  const auto path = folder / "x.db";
  const auto url = parse_database_url("URL", "sqlite://" + path.string()).value();
  EXPECT_EQ(migration_state(url, kTwoSteps)->version, 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace fairlead::store
