#include "observe/metric_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "store/test_folder.h"

namespace fairlead::observe {
namespace {

namespace fs = std::filesystem;
using store::TestFolder;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsNan;
using testing::Pair;

// The beginning of an hour block, so that tests know where blocks end.
constexpr std::int64_t kStart = 3600 * 96 * 5000;
WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(kStart + seconds)); }

std::unique_ptr<MetricStore> open_store(const fs::path& folder, MetricStoreOptions options = {}) {
  options.folder = folder;
  auto store = MetricStore::open(options);
  EXPECT_TRUE(store.has_value()) << store.error().message();
  return *std::move(store);
}

SeriesId series(MetricStore& store, MetricName name, MetricKind kind) {
  auto id = store.series(std::move(name), kind);
  EXPECT_TRUE(id.has_value()) << id.error().message();
  return *id;
}

void put(MetricStore& store, std::int64_t seconds, std::vector<MetricSample> samples) {
  const auto added = store.append(at(seconds), samples);
  ASSERT_TRUE(added.has_value()) << added.error().message();
}

std::vector<double> ask(const MetricStore& store, const MetricQuery& query) {
  auto result = store.query(query);
  EXPECT_TRUE(result.has_value()) << result.error().message();
  if (!result || result->groups.empty()) return {};
  EXPECT_EQ(result->groups.size(), 1u);
  return result->groups[0].values;
}

class Metrics : public testing::Test {
 protected:
  TestFolder folder_;
  std::unique_ptr<MetricStore> store_ = open_store(folder_ / "m");
};

TEST_F(Metrics, CountersGiveRatesAndSurviveResets) {
  const auto requests = series(*store_, {"requests", {}}, MetricKind::kCounter);
  int n = 0;
  for (const double total : {5.0, 15.0, 15.0, 3.0, 10.0})
    put(*store_, 10 * n++, {{requests, total}});
  MetricQuery query{
      .select = {"requests", {}}, .from = at(0), .to = at(60), .reduce = Reduce::kIncrease};
  EXPECT_THAT(ask(*store_, query), ElementsAre(5, 10, 0, 3, 7, IsNan()));
  query.reduce = Reduce::kRate;
  query.step = 20s;
  EXPECT_THAT(ask(*store_, query), ElementsAre(0.75, 0.15, 0.35));
}

TEST_F(Metrics, AForeignCounterAddsNothingAtFirst) {
  const auto cpu = series(*store_, {"cpu_seconds", {}}, MetricKind::kForeignCounter);
  put(*store_, 0, {{cpu, 3600.1}});
  put(*store_, 10, {{cpu, 3600.4}});
  EXPECT_THAT(ask(*store_, {.select = {"cpu_seconds", {}},
                            .from = at(0),
                            .to = at(20),
                            .reduce = Reduce::kIncrease}),
              ElementsAre(0, 0.3));
}

TEST_F(Metrics, AreChosenGroupedAndCombined) {
  const auto a =
      series(*store_, {"memory", {{"replica", "web.1"}, {"app", "shop"}}}, MetricKind::kGauge);
  const auto b =
      series(*store_, {"memory", {{"app", "shop"}, {"replica", "web.2"}}}, MetricKind::kGauge);
  const auto c =
      series(*store_, {"memory", {{"app", "blog"}, {"replica", "web.1"}}}, MetricKind::kGauge);
  put(*store_, 0, {{a, 10}, {b, 30}, {c, 100}});
  put(*store_, 10, {{a, 20}, {c, 200}});
  MetricQuery query{.select = {"memory", {{"app", "shop"}}}, .from = at(0), .to = at(20)};
  EXPECT_THAT(ask(*store_, query), ElementsAre(40, 20));
  query.across = Across::kMax;
  EXPECT_THAT(ask(*store_, query), ElementsAre(30, 20));
  query.across = Across::kMean;
  EXPECT_THAT(ask(*store_, query), ElementsAre(20, 20));
  query.select.labels.clear();
  query.across = Across::kSum;
  query.by = {"app"};
  const auto result = store_->query(query);
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(result->groups.size(), 2u);
  EXPECT_THAT(result->groups[0].labels, ElementsAre(Pair("app", "blog")));
  EXPECT_THAT(result->groups[0].values, ElementsAre(100, 200));
  EXPECT_THAT(result->groups[1].values, ElementsAre(40, 20));
  EXPECT_THAT(store_->names(), ElementsAre("memory"));
  EXPECT_EQ(store_->select({"memory", {{"replica", "web.1"}}}).size(), 2u);
}

TEST_F(Metrics, HistogramsOfReplicasMergeIntoTrueQuantiles) {
  std::vector<MetricSample> samples;
  for (const char* replica : {"web.1", "web.2"}) {
    for (int i = 0; i < 10; ++i) {  // 100 observations spread evenly over 0…1 s
      auto id = store_->bucket({"duration", {{"replica", replica}}}, i / 10.0, (i + 1) / 10.0);
      ASSERT_TRUE(id.has_value());
      samples.push_back({*id, 10});
    }
  }
  put(*store_, 0, samples);
  const MetricQuery query{.select = {"duration", {}}, .from = at(0), .to = at(20)};
  for (const double q : {0.01, 0.5, 0.99}) {
    const auto result = store_->quantile(query, q);
    ASSERT_TRUE(result.has_value());
    EXPECT_THAT(result->groups.at(0).values, ElementsAre(DoubleNear(q, 1e-9), IsNan()));
  }
}

TEST_F(Metrics, RefuseWhatCannotBeRight) {
  const auto a = series(*store_, {"a", {}}, MetricKind::kGauge);
  EXPECT_EQ(store_->series({"a", {}}, MetricKind::kCounter).error().code(), Code::kExists);
  put(*store_, 100, {{a, 1}});
  EXPECT_EQ(store_->append(at(90), {}).error().code(), Code::kInvalid);
  const MetricSample unknown{static_cast<SeriesId>(99), 1};
  EXPECT_EQ(store_->append(at(110), {&unknown, 1}).error().code(), Code::kInvalid);
  EXPECT_EQ(store_->query({.select = {"a", {}}, .from = at(10), .to = at(10)}).error().code(),
            Code::kInvalid);
}

TEST_F(Metrics, AreLimitedInNumber) {
  store_ = open_store(folder_ / "few", {.max_series = 1});
  series(*store_, {"a", {}}, MetricKind::kGauge);
  EXPECT_EQ(store_->series({"b", {}}, MetricKind::kGauge).error().code(), Code::kTooLarge);
  series(*store_, {"a", {}}, MetricKind::kGauge);
}

// Five days of one request a second and a gauge that counts the minutes of its hour.
class MetricsOfDays : public Metrics {
 protected:
  static constexpr std::int64_t kDays = 5 * 86400;
  void SetUp() override {
    const auto requests = series(*store_, {"requests", {}}, MetricKind::kCounter);
    const auto minute = series(*store_, {"minute", {}}, MetricKind::kGauge);
    for (std::int64_t t = 0; t < kDays; t += 10) {
      put(*store_, t, {{requests, double(t + 10)}, {minute, double(t / 60 % 60)}});
      if (t % 86400 == 0) ASSERT_TRUE(store_->tidy().has_value());
    }
    ASSERT_TRUE(store_->tidy().has_value());
  }
  void expect_all_there() {
    MetricQuery query{.select = {"requests", {}},
                      .from = at(0),
                      .to = at(kDays),
                      .step = 1h,
                      .reduce = Reduce::kIncrease};
    EXPECT_THAT(ask(*store_, query),
                testing::AllOf(testing::SizeIs(5 * 24), testing::Each(3600.0)));
    query.select.name = "minute";
    query.reduce = Reduce::kMean;
    EXPECT_THAT(ask(*store_, query), testing::Each(29.5));
    query.reduce = Reduce::kMax;
    EXPECT_THAT(ask(*store_, query), testing::Each(59));
    query.reduce = Reduce::kMin;
    EXPECT_THAT(ask(*store_, query), testing::Each(0));
  }
};

TEST_F(MetricsOfDays, AreTheSameAtEveryResolution) {
  const auto status = store_->status();
  EXPECT_EQ(status.blocks[2], 1u);
  EXPECT_EQ(status.blocks[1], 19u);
  EXPECT_GT(status.blocks[0], 90u);  // two days, and what is not old enough to be a coarser block
  EXPECT_LT(status.blocks[0], 130u);
  EXPECT_THAT(status.problems, IsEmpty());
  expect_all_there();
  store_.reset();
  store_ = open_store(folder_ / "m");
  expect_all_there();
}

TEST_F(MetricsOfDays, AnswerFinelyOnlyForLately) {
  MetricQuery query{.select = {"requests", {}},
                    .from = at(kDays - 3600),
                    .to = at(kDays),
                    .reduce = Reduce::kIncrease};
  EXPECT_THAT(ask(*store_, query), testing::AllOf(testing::SizeIs(360), testing::Each(10.0)));
  query.from = at(0);
  const auto result = store_->query(query);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->step, 60s);
  EXPECT_THAT(result->groups.at(0).values,
              testing::AllOf(testing::SizeIs(5 * 1440), testing::Each(60.0)));
}

TEST_F(MetricsOfDays, MakeLostCoarserBlocksAgain) {
  store_.reset();
  int removed = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "m"))
    if (entry.path().filename().string().starts_with("3600-")) removed += fs::remove(entry.path());
  EXPECT_EQ(removed, 1);
  store_ = open_store(folder_ / "m");
  expect_all_there();
  ASSERT_TRUE(store_->tidy().has_value());
  EXPECT_EQ(store_->status().blocks[2], 1u);
  expect_all_there();
}

TEST_F(MetricsOfDays, StayWithinTheQuota) {
  const std::uint64_t before = store_->status().bytes;
  store_.reset();
  store_ = open_store(folder_ / "m", {.quota = before / 4});
  ASSERT_TRUE(store_->tidy().has_value());
  EXPECT_LT(store_->status().bytes, before / 2);
  EXPECT_EQ(store_->status().blocks[2], 1u);
}

TEST_F(MetricsOfDays, NameDamage) {
  store_.reset();
  for (const auto& entry : fs::directory_iterator(folder_ / "m")) {
    if (!entry.path().filename().string().starts_with("3600-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(9);
    file.write("damage", 6);
  }
  store_ = open_store(folder_ / "m");
  const auto result = store_->query({.select = {"requests", {}},
                                     .from = at(0),
                                     .to = at(kDays),
                                     .step = 1h,
                                     .reduce = Reduce::kRate});
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message(), HasSubstr("is damaged"));
}

TEST_F(Metrics, OfSeriesThatAreGoneAreForgotten) {
  store_ = open_store(folder_ / "churn", {.keep = {1h, 1h, 1h}, .max_series = 40});
  for (int day = 0; day < 60; ++day) {
    const auto id =
        series(*store_, {"memory", {{"release", std::to_string(day)}}}, MetricKind::kGauge);
    for (int hour = 0; hour < 24; ++hour) put(*store_, day * 86400 + hour * 3600, {{id, 1}});
    const auto tidied = store_->tidy();
    ASSERT_TRUE(tidied.has_value()) << tidied.error().message();
  }
  EXPECT_LT(store_->status().series, 40u);
  store_.reset();
  store_ = open_store(folder_ / "churn");
  EXPECT_EQ(store_->select({"memory", {{"release", "59"}}}).size(), 1u);
}

// Counts up by one a step, from where the store says that it got to.
[[noreturn]] void count_until_killed(const fs::path& folder, std::int64_t step, int progress) {
  auto store = open_store(folder);
  const auto id = series(*store, {"steps", {}}, MetricKind::kCounter);
  for (;; ++step) {
    const MetricSample sample{id, static_cast<double>(step + 1)};
    if (!store->append(at(step * 10), {&sample, 1}) || !store->tidy()) ::_exit(1);
    if (::write(progress, &step, sizeof step) < 0) ::_exit(1);
  }
}

TEST_F(Metrics, ArePresentAfterKills) {
  store_.reset();
  std::mt19937 random(5);
  std::int64_t last = -1;
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    // A step that was appended but not told of is appended again: its total adds nothing twice.
    if (child == 0) count_until_killed(folder_ / "m", last + 1, ends[1]);
    ::close(ends[1]);
    for (int n = std::uniform_int_distribution(1, 500)(random); n > 0; --n)
      ASSERT_EQ(::read(ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (::read(ends[0], &last, sizeof last) > 0) {
    }
    ::close(ends[0]);
  }
  store_ = open_store(folder_ / "m");
  auto values = ask(*store_, {.select = {"steps", {}},
                              .from = at(0),
                              .to = at((last + 1) * 10),
                              .reduce = Reduce::kIncrease});
  EXPECT_THAT(values, testing::AllOf(testing::SizeIs(last + 1), testing::Each(1.0)));
  EXPECT_GT(store_->status().blocks[0], 0u);
}

TEST_F(Metrics, AreAskedForWhileTheyComeIn) {
  const auto id = series(*store_, {"steps", {}}, MetricKind::kCounter);
  std::atomic<std::int64_t> done = 0;
  std::thread writer([&] {
    for (std::int64_t step = 1; step <= 5000; ++step) {
      const MetricSample sample{id, static_cast<double>(step)};
      if (!store_->append(at(step * 10), {&sample, 1})) std::abort();
      if (step % 200 == 0 && !store_->tidy()) std::abort();
      done = step;
    }
  });
  while (done < 5000) {
    const std::int64_t until = done;
    if (until == 0) continue;
    const auto values = ask(*store_, {.select = {"steps", {}},
                                      .from = at(10),
                                      .to = at((until + 1) * 10),
                                      .step = 1h,
                                      .reduce = Reduce::kIncrease});
    EXPECT_GE(std::accumulate(values.begin(), values.end(), 0.0), static_cast<double>(until));
  }
  writer.join();
}

}  // namespace
}  // namespace fairlead::observe
