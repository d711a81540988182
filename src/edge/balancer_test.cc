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
      const OriginPool* origin = pool_->pick(avoid);
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

}  // namespace
}  // namespace fairlead::edge
