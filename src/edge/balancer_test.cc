#include "edge/balancer.h"

#include <gtest/gtest.h>

#include "edge/worker.h"

namespace fairlead::edge {
namespace {

// A worker whose loop never runs, with one pool of origins of the given weights.
class BalancerTest : public testing::Test {
 protected:
  void make(control::Balance kind, std::initializer_list<unsigned> weights) {
    control::Snapshot snapshot;
    control::Pool pool;
    pool.name = "p";
    pool.balance = kind;
    for (unsigned weight : weights) {
      const std::string id(1, static_cast<char>('a' + pool.origins.size()));
      pool.origins.push_back({id, "127.0.0.1:1", "", weight});
    }
    snapshot.pools = {pool};
    shared_.report_unready = [](TargetPtr) {};
    worker_ = *Worker::create(0, shared_, *Plan::make(snapshot, 1, nullptr));
    pool_ = worker_->pool(0);
  }
  std::string picks(int count, const OriginPool* avoid = nullptr) {
    std::string ids;
    for (int i = 0; i < count; ++i) {
      const OriginPool* origin = pool_->pick({.avoid = avoid}, now());
      ids += origin ? origin->target().spec.id : "-";
    }
    return ids;
  }
  void set_ready(std::size_t origin, bool ready) { pool_->origins[origin]->target().ready = ready; }

  WorkerShared shared_;
  std::unique_ptr<Worker> worker_;
  Pool* pool_ = nullptr;
};

TEST_F(BalancerTest, GoesRoundEqualOrigins) {
  make(control::Balance::kRoundRobin, {1, 1, 1});
  EXPECT_EQ(picks(9), "abcabcabc");
}

TEST_F(BalancerTest, SpreadsWeightsSmoothly) {
  make(control::Balance::kRoundRobin, {3, 1});
  const std::string ids = picks(40);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 'a'), 30);
  EXPECT_EQ(ids.find("bb"), std::string::npos);
  EXPECT_EQ(ids.find("aaaa"), std::string::npos);
}

TEST_F(BalancerTest, LeavesOutWhatIsNotReady) {
  make(control::Balance::kRoundRobin, {1, 1});
  set_ready(0, false);
  EXPECT_EQ(picks(4), "bbbb");
  set_ready(1, false);
  EXPECT_EQ(picks(1), "-");
  set_ready(0, true);
  EXPECT_EQ(picks(2), "aa");
}

TEST_F(BalancerTest, AvoidsAnOriginUnlessItIsTheLast) {
  for (const auto kind : {control::Balance::kRoundRobin, control::Balance::kLeastRequests}) {
    make(kind, {1, 1});
    const OriginPool* first = pool_->origins[0];
    EXPECT_EQ(picks(3, first), "bbb");
    set_ready(1, false);
    EXPECT_EQ(picks(3, first), "aaa");
  }
}

TEST_F(BalancerTest, PrefersTheLeastLoaded) {
  make(control::Balance::kLeastRequests, {1, 1, 2});
  for (int i = 0; i < 2; ++i) pool_->origins[0]->enter();
  pool_->origins[1]->enter();
  for (int i = 0; i < 2; ++i) pool_->origins[2]->enter();
  EXPECT_EQ(picks(1), "c") << "two requests at twice the weight are fewer than one";
  for (int i = 0; i < 3; ++i) pool_->origins[2]->enter();
  EXPECT_EQ(picks(1), "b");
}

TEST_F(BalancerTest, GoesRoundTheEquallyLoaded) {
  make(control::Balance::kLeastRequests, {1, 1, 1});
  EXPECT_EQ(picks(6), "abcabc");
}

TEST_F(BalancerTest, TwoChoicesIsEvenAndPrefersTheLessBusy) {
  make(control::Balance::kTwoChoices, {1, 1, 1, 1});
  const std::string even = picks(4000);
  for (const char id : {'a', 'b', 'c', 'd'}) {
    EXPECT_GT(std::count(even.begin(), even.end(), id), 850) << id;
  }
  for (int i = 0; i < 50; ++i) pool_->origins[0]->enter();
  const std::string busy = picks(400);
  EXPECT_EQ(std::count(busy.begin(), busy.end(), 'a'), 0);
}

TEST_F(BalancerTest, AHashKeepsKeysAndMovesOnlyThoseOfWhoGoes) {
  make(control::Balance::kHash, {1, 1, 2});
  const auto all = [&] {
    std::string ids;
    for (std::uint64_t key = 1; key <= 4000; ++key)
      ids += pool_->pick({.key = stable_hash(std::to_string(key))}, now())->target().spec.id;
    return ids;
  };
  const std::string before = all();
  EXPECT_EQ(all(), before);
  EXPECT_NEAR(std::count(before.begin(), before.end(), 'c'), 2000, 200) << "by weight";
  set_ready(0, false);
  const std::string after = all();
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != 'a') {
      ASSERT_EQ(after[i], before[i]);
    }
  }
}

TEST_F(BalancerTest, AStickyClientStaysWhileItsOriginIsReady) {
  make(control::Balance::kRoundRobin, {1, 1});
  const std::uint64_t b = pool_->origins[1]->target().id_hash;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pool_->pick({.sticky = b}, now())->target().spec.id, "b");
  set_ready(1, false);
  EXPECT_EQ(pool_->pick({.sticky = b}, now())->target().spec.id, "a");
}

TEST_F(BalancerTest, ANewOriginStartsSlowly) {
  make(control::Balance::kRoundRobin, {1, 1});
  pool_->rules.slow_start_ms = 10'000;
  const Instant start = now();
  pool_->origins[0]->target().became_ready(start - 60s);
  pool_->origins[1]->target().became_ready(start);
  const auto share_of_b = [&](Duration age) {
    int count = 0;
    for (int i = 0; i < 1600; ++i) count += pool_->pick({}, start + age)->target().spec.id == "b";
    return count / 1600.0;
  };
  EXPECT_LT(share_of_b(1s), 0.15);
  EXPECT_NEAR(share_of_b(5s), 0.33, 0.05);
  EXPECT_NEAR(share_of_b(10s), 0.5, 0.01);
}

TEST_F(BalancerTest, AFullOriginIsNeverChosen) {
  make(control::Balance::kRoundRobin, {1, 1});
  pool_->rules.max_requests = 2;
  pool_->origins[0]->enter();
  pool_->origins[0]->enter();
  EXPECT_EQ(picks(3), "bbb");
  pool_->origins[1]->enter();
  pool_->origins[1]->enter();
  EXPECT_EQ(picks(1), "-");
}

TEST_F(BalancerTest, FailuresInARowEjectForLongerEachTimeButNeverMoreThanTheShareAllowed) {
  make(control::Balance::kRoundRobin, {1, 1});
  pool_->rules.ejection = {.failures = 3, .time = 10s, .most_percent = 50};
  const OriginPool& a = *pool_->origins[0];
  const OriginPool& b = *pool_->origins[1];
  const Instant start = now();
  const auto fail = [&](const OriginPool& origin, int times, Instant when) {
    for (int i = 0; i < times; ++i) pool_->note(origin, true, when);
  };
  fail(a, 2, start);
  pool_->note(a, false, start);
  fail(a, 2, start);
  EXPECT_FALSE(a.target().ejected(start)) << "not in a row";
  fail(a, 1, start);
  EXPECT_TRUE(a.target().ejected(start + 9s));
  EXPECT_FALSE(a.target().ejected(start + 10s));
  fail(b, 10, start);
  EXPECT_FALSE(b.target().ejected(start)) << "half of the pool is out already";
  EXPECT_EQ(pool_->pick({}, start + 1s), &b);
  fail(a, 3, start + 11s);
  EXPECT_TRUE(a.target().ejected(start + 30s)) << "twice as long";
  set_ready(1, false);
  EXPECT_EQ(pool_->pick({}, start + 12s), &a) << "better one that fails than none";
}

TEST_F(BalancerTest, RetriesAreAShareOfRequests) {
  make(control::Balance::kRoundRobin, {1});
  pool_->rules.retry_percent = 20;
  while (pool_->take_retry()) {
  }
  int retries = 0;
  for (int i = 0; i < 1000; ++i) {
    pool_->earn_retry();
    retries += pool_->take_retry();
  }
  EXPECT_NEAR(retries, 200, 1);
}

}  // namespace
}  // namespace fairlead::edge
