// Metrics as programs show them: OpenMetrics 1.0 text, and Prometheus' older form of it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "observe/metric_store.h"

namespace fairlead::observe {

struct ScrapedSample {
  MetricName name;  // labels sorted
  MetricKind kind = MetricKind::kGauge;
  double value = 0;
};

inline constexpr std::size_t kMostScrapedSamples = 20'000;

// The samples in a text, under the names that the store uses: counters without "_total"; a
// histogram as its buckets, each for itself (MetricStore::bucket()), and the counters NAME_sum and
// NAME_count. What tells nothing over time (info, "_created") is left out. kProtocol names the line
// that cannot be read; kTooLarge above kMostScrapedSamples.
Result<std::vector<ScrapedSample>> read_openmetrics(std::string_view text);

// The other way: OpenMetrics 1.0 text. Series of buckets become histograms again.
std::string write_openmetrics(std::span<const ScrapedSample> samples);

// Adds labels to a name's own, which win.
void add_labels(MetricName& name, const MetricLabels& labels);

// Stores samples of one time.
Result<> store_samples(MetricStore& store, std::span<const ScrapedSample> samples, WallTime time);

// What the edge says of its origins, in the words that apps are asked about with: pool
// "shop/production/web" and origin "shop/production/web.1" become app, environment, process and
// replica.
void name_edge_samples(std::vector<ScrapedSample>& samples);

}  // namespace fairlead::observe
