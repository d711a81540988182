#include "edge/connection_counts.h"

#include <gtest/gtest.h>

#include <random>

namespace fairlead::edge {
namespace {

TEST(ConnectionCounts, LetsInUpToTheLimit) {
  ConnectionCounts counts;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(counts.enter(7, 3));
  EXPECT_FALSE(counts.enter(7, 3));
  EXPECT_TRUE(counts.enter(8ull << 32 | 8, 3));
  counts.leave(7);
  EXPECT_TRUE(counts.enter(7, 3));
  EXPECT_FALSE(counts.enter(7, 3));
}

TEST(ConnectionCounts, OthersAreLetInWhateverACrowdDoes) {
  ConnectionCounts counts;
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) counts.enter(random(), 100);  // as many as the edge takes
  const std::uint64_t greedy = random();
  for (int i = 0; i < 1000; ++i) counts.enter(greedy, 100);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) refused += !counts.enter(random(), 4);
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace fairlead::edge
