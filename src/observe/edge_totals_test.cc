#include "observe/edge_totals.h"

#include <gtest/gtest.h>

namespace fairlead::observe {
namespace {

ScrapedSample requests(std::string address, double value) {
  return {{"requests", {{"address", std::move(address)}, {"replica", "web.1"}}},
          MetricKind::kForeignCounter,
          value};
}

double total(const std::vector<ScrapedSample>& samples) {
  EXPECT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples.at(0).name.labels, (MetricLabels{{"replica", "web.1"}}));
  return samples.at(0).value;
}

TEST(EdgeTotals, AddUpWhatEveryAddressOfAReplicaCounts) {
  EdgeTotals totals;
  EXPECT_EQ(total(totals.take({requests("a", 1000)})), 0);  // before our time
  EXPECT_EQ(total(totals.take({requests("a", 1010)})), 10);
  EXPECT_EQ(total(totals.take({requests("b", 5), requests("a", 1012)})), 17);
  EXPECT_EQ(total(totals.take({requests("b", 9)})), 21);  // the old one is forgotten
  EXPECT_EQ(total(totals.take({requests("b", 2)})), 23);  // an edge that was started again
}

TEST(EdgeTotals, OfAGaugeTheFirstCounts) {
  EdgeTotals totals;
  const auto taken = totals.take({{{"ready", {{"address", "new"}}}, MetricKind::kGauge, 1},
                                  {{"ready", {{"address", "old"}}}, MetricKind::kGauge, 0}});
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].value, 1);
}

}  // namespace
}  // namespace fairlead::observe
