#include "edge/offence_table.h"

#include <gtest/gtest.h>

#include <random>

namespace fairlead::edge {
namespace {

const Instant kStart = now() + 1h;

TEST(OffenceTable, CountsToTheLimitAndBeginsAnew) {
  OffenceTable table;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 9; ++i) EXPECT_FALSE(table.count(7, 10, 60s, kStart));
    EXPECT_FALSE(table.count(8, 10, 60s, kStart));
    EXPECT_TRUE(table.count(7, 10, 60s, kStart));
  }
}

TEST(OffenceTable, ForgetsWhatIsLongerAgo) {
  OffenceTable table;
  for (int i = 0; i < 9; ++i) table.count(7, 10, 60s, kStart);
  EXPECT_FALSE(table.count(7, 10, 60s, kStart + 61s));
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(table.count(7, 10, 60s, kStart + 62s));
  EXPECT_TRUE(table.count(7, 10, 60s, kStart + 62s));
}

TEST(OffenceTable, AMillionAddressesNeitherGrowItNorHideTheOneThatGoesOn) {
  OffenceTable table(1 << 14);
  const std::size_t bytes = table.bytes();
  EXPECT_EQ(bytes, (1u << 14) * 16);
  std::mt19937_64 random(7);
  int banned = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const Instant time = kStart + Duration(60s) * i / 1'000'000;
    table.count(random() | 1, 10, 60s, time);
    if (i % 1000 < 3) banned += table.count(2, 10, 60s, time);
  }
  EXPECT_EQ(table.bytes(), bytes);
  EXPECT_GE(banned, 100);  // of 300 at best
}

}  // namespace
}  // namespace fairlead::edge
