#include "edge/rate_limit.h"

#include <gtest/gtest.h>

#include <random>

#include "edge/client_prefix.h"

namespace fairlead::edge {
namespace {

const Instant kStart = now();
constexpr RateLimit kTenPerSecond{.count = 10, .per = 1s, .burst = 5};

TEST(RateLimiter, LetsABurstThroughAndThenTheRate) {
  RateLimiter limiter;
  for (std::uint32_t left = 5; left-- > 0;) {
    const auto answer = limiter.ask(7, kTenPerSecond, kStart);
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.remaining, left);
  }
  const auto refused = limiter.ask(7, kTenPerSecond, kStart);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 100ms);
  EXPECT_EQ(refused.reset, 500ms);
  EXPECT_FALSE(limiter.ask(7, kTenPerSecond, kStart + 99ms).allowed);
  EXPECT_TRUE(limiter.ask(7, kTenPerSecond, kStart + 100ms).allowed);
  EXPECT_FALSE(limiter.ask(7, kTenPerSecond, kStart + 100ms).allowed);
}

TEST(RateLimiter, RefusedRequestsCostNothing) {
  RateLimiter limiter;
  for (int i = 0; i < 1000; ++i) limiter.ask(7, kTenPerSecond, kStart);
  EXPECT_TRUE(limiter.ask(7, kTenPerSecond, kStart + 100ms).allowed);
}

TEST(RateLimiter, HoldsTheRateOverTime) {
  RateLimiter limiter;
  int allowed = 0;
  for (Duration t{0}; t < 60s; t += 7ms)
    allowed += limiter.ask(7, kTenPerSecond, kStart + t).allowed;
  EXPECT_NEAR(allowed, 600 + 5, 1);
}

TEST(RateLimiter, ClientsDoNotShare) {
  RateLimiter limiter;
  for (int i = 0; i < 10; ++i) limiter.ask(7, kTenPerSecond, kStart);
  EXPECT_TRUE(limiter.ask(8, kTenPerSecond, kStart).allowed);
}

TEST(RateLimiter, AMillionAddressesNeitherGrowItNorSetTheGreedyFree) {
  RateLimiter limiter(1 << 14);
  EXPECT_EQ(limiter.bytes(), (1u << 14) * 16);
  const std::uint64_t greedy = client_number("/", "192.0.2.1");
  std::mt19937_64 random(7);
  int allowed = 0;
  // Ten seconds: a million addresses once each, one of them a thousand times a second.
  for (int i = 0; i < 1'000'000; ++i) {
    const Instant time = kStart + Duration(10s) * i / 1'000'000;
    limiter.ask(random() | 1, kTenPerSecond, time);
    if (i % 100 == 0) allowed += limiter.ask(greedy, kTenPerSecond, time).allowed;
  }
  EXPECT_LE(allowed, 100 + 5 + 5);
}

}  // namespace
}  // namespace fairlead::edge
