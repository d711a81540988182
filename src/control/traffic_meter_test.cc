#include "control/traffic_meter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

std::string origin(std::string_view id, std::string_view release, int requests, int failed,
                   int bound = 100) {
  return fmt::format(
      R"({{"pool":"a/b/web","origin":"{}","address":"x","release":"{}","requests":{},"retried":1,)"
      R"("status":{{"none":0,"2xx":{},"5xx":{}}},"durations_us":[[{},{}]]}})",
      id, release, requests, requests - failed, failed, bound, requests);
}
std::string counters(const std::string& origins, int turned_away = 0) {
  return fmt::format(R"({{"origins":[{}],"without_origin":{{"none":0,"4xx":7,"5xx":{}}}}})",
                     origins, turned_away);
}

TEST(TrafficMeter, SumsByReleaseAndForAll) {
  TrafficMeter meter;
  ASSERT_TRUE(meter.take(counters(origin("w1", "v1", 10, 1) + "," + origin("w2", "v2", 5, 0), 2)));
  EXPECT_EQ(meter.total("a/b/", "v1").requests, 10u);
  EXPECT_EQ(meter.total("a/b/", "v1").failed, 1u);
  EXPECT_EQ(meter.total("a/b/", "").requests, 17u);  // with the two that were turned away
  EXPECT_EQ(meter.total("a/b/", "").failed, 3u);
  EXPECT_EQ(meter.total("c/", "v1").requests, 0u);
}

TEST(TrafficMeter, OriginsThatGoAndEdgesThatStartAgainTakeNothingAway) {
  TrafficMeter meter;
  ASSERT_TRUE(meter.take(counters(origin("w1", "v1", 10, 1))));
  ASSERT_TRUE(meter.take(counters(origin("w2", "v2", 5, 0))));  // w1 is gone
  EXPECT_EQ(meter.total("a/b/", "").requests, 15u);
  ASSERT_TRUE(meter.take(counters(origin("w2", "v2", 3, 0))));  // from zero again
  EXPECT_EQ(meter.total("a/b/", "").requests, 18u);
}

TEST(TrafficMeter, QuantilesAreOfThePeriodSinceTheMark) {
  TrafficMeter meter;
  ASSERT_TRUE(meter.take(counters(origin("w1", "v1", 1000, 0, 200))));
  EXPECT_EQ(meter.since_mark("a/b/").p99, 200us);
  meter.mark("a/b/");
  EXPECT_EQ(meter.since_mark("a/b/").requests, 0u);
  ASSERT_TRUE(meter.take(
      counters(origin("w1", "v1", 1000, 0, 200) + "," + origin("w2", "v2", 100, 0, 900))));
  EXPECT_EQ(meter.since_mark("a/b/").requests, 100u);
  EXPECT_EQ(meter.since_mark("a/b/").p50, 900us);
}

TEST(TrafficMeter, WhatIsNotCountersIsRefused) {
  TrafficMeter meter;
  EXPECT_FALSE(meter.take("{}"));
  EXPECT_FALSE(meter.take("<html>"));
}

}  // namespace
}  // namespace fairlead::control
