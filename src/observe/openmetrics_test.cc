#include "observe/openmetrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/test_folder.h"
#include "telemetry/metrics.h"

namespace fairlead::observe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<ScrapedSample> read(std::string_view text) {
  auto samples = read_openmetrics(text);
  EXPECT_TRUE(samples.has_value()) << samples.error().message();
  return samples.value_or(std::vector<ScrapedSample>());
}

TEST(OpenMetrics, CountersAndGaugesInBothForms) {
  for (const char* text :
       {"# TYPE hits counter\nhits_total{b=\"2\",a=\"1\"} 7 # {id=\"x\"} 1\nhits_created 1.5\n# "
        "TYPE load gauge\nload -0.5\n# EOF\n",
        "# HELP hits Hits.\n# TYPE hits_total counter\nhits_total{b=\"2\",a=\"1\",} 7 "
        "1700000000000\n# TYPE load gauge\nload -0.5"}) {
    const auto samples = read(text);
    ASSERT_EQ(samples.size(), 2u) << text;
    EXPECT_EQ(samples[0].name, (MetricName{"hits", {{"a", "1"}, {"b", "2"}}}));
    EXPECT_EQ(samples[0].kind, MetricKind::kForeignCounter);
    EXPECT_EQ(samples[0].value, 7);
    EXPECT_EQ(samples[1].name, (MetricName{"load", {}}));
    EXPECT_EQ(samples[1].kind, MetricKind::kGauge);
    EXPECT_EQ(samples[1].value, -0.5);
  }
}

TEST(OpenMetrics, EscapedLabels) {
  EXPECT_EQ(read(R"(x{path="C:\\n\"a\"\nb"} 1)")[0].name.labels[0].second, "C:\\n\"a\"\nb");
}

TEST(OpenMetrics, HistogramsBecomeBucketsBetweenTheirBounds) {
  const auto samples = read(
      "# TYPE d histogram\n"
      "d_bucket{le=\"0.1\"} 4\nd_bucket{le=\"1\"} 9\nd_bucket{le=\"+Inf\"} 10\nd_sum 5.5\nd_count "
      "10\n");
  std::map<std::string, double> found;
  for (const auto& sample : samples)
    found[sample.name.name + " " + std::string(sample.name.label("bucket"))] = sample.value;
  EXPECT_EQ(
      found,
      (std::map<std::string, double>{
          {"d 0..0.1", 4}, {"d 0.1..1", 5}, {"d 1..inf", 1}, {"d_sum ", 5.5}, {"d_count ", 10}}));
}

TEST(OpenMetrics, LeaveOutWhatTellsNothing) {
  EXPECT_THAT(
      read(
          "# TYPE build info\nbuild_info{version=\"1\"} 1\n# TYPE x gauge\nx NaN\n\n# a comment\n"),
      IsEmpty());
  EXPECT_THAT(read(""), IsEmpty());
}

TEST(OpenMetrics, NameTheLineThatCannotBeRead) {
  for (const char* line : {"x", "x{", "x{a=\"1} 2", "x{a=1} 2", "x{a=\"1\"", "x one", "x 1x",
                           "{a=\"1\"} 1", "x{a=\"1\"b=\"2\"} 1"}) {
    const auto samples = read_openmetrics(std::string("# TYPE x gauge\nx 1\n") + line + "\n");
    ASSERT_FALSE(samples.has_value()) << line;
    EXPECT_EQ(samples.error().message(), "line 3 of the metrics cannot be read");
  }
  EXPECT_FALSE(read_openmetrics("# TYPE d histogram\nd_bucket 1\n").has_value());
}

TEST(OpenMetrics, AreLimitedInNumber) {
  std::string text;
  for (std::size_t i = 0; i <= kMostScrapedSamples; ++i)
    text += fmt::format("x{{n=\"{}\"}} 1\n", i);
  EXPECT_EQ(read_openmetrics(text).error().code(), Code::kTooLarge);
}

TEST(OpenMetrics, WhatWeEmitIsStoredAndAskedFor) {
  store::TestFolder folder;
  auto store = MetricStore::open({.folder = folder / "m"}).value();
  const WallTime start(std::chrono::seconds(1'728'000'000));
  telemetry::Histogram durations;
  const auto scrape = [&](std::uint64_t requests, Duration after) {
    telemetry::MetricsText text;
    text.counter("fairlead_edge_requests", "Requests.");
    text.sample(
        requests,
        {{"pool", "shop/production/web"}, {"origin", "shop/production/web.1"}, {"class", "2xx"}});
    text.histogram("fairlead_edge_request_duration_seconds", "Durations.");
    text.sample(durations, {{"pool", "shop/production/web"}});
    auto samples = read(text.finish());
    name_edge_samples(samples);
    for (auto& sample : samples) add_labels(sample.name, {{"host", "one"}});
    const auto stored = store_samples(*store, samples, start + after);
    ASSERT_TRUE(stored.has_value()) << stored.error().message();
  };
  scrape(1000, 0s);
  for (int i = 0; i < 100; ++i) durations.record(100ms);
  scrape(1030, 10s);
  MetricQuery query{.select = {"fairlead_edge_requests",
                               {{"app", "shop"}, {"replica", "web.1"}, {"host", "one"}}},
                    .from = start,
                    .to = start + 20s,
                    .reduce = Reduce::kRate};
  EXPECT_THAT(store->query(query).value().groups.at(0).values, ElementsAre(0, 3));
  query.select = {"fairlead_edge_request_duration_seconds", {{"process", "web"}}};
  const auto quantile = store->quantile(query, 0.5);
  ASSERT_TRUE(quantile.has_value());
  EXPECT_NEAR(quantile->groups.at(0).values[1], 0.1, 0.04);  // within its bucket
}

}  // namespace
}  // namespace fairlead::observe
