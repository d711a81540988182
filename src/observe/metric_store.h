// The metric store: a value per series every 10 seconds, kept as such for days, by the minute for
// weeks, by the hour for a year or more.
//
// Blocking file I/O, thread-safe: for an io::Worker. What append() returned from survives the death
// of the process. Every 30 minutes the values of all series become a block on disk; coarser blocks
// are made of finer ones, so that a lost one is simply made again.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "observe/metric_query.h"
#include "observe/metric_series.h"

namespace fairlead::observe {

struct MetricStoreOptions {
  std::filesystem::path folder;
  // How long values are kept as they came, by the minute, by the hour.
  std::array<Duration, kLevels> keep = {std::chrono::days(2), std::chrono::days(15),
                                        std::chrono::days(400)};
  std::uint64_t quota = 2ull << 30;  // bytes of blocks; the finest and oldest go first
  std::size_t max_series = 50'000;
};

struct MetricSample {
  SeriesId series;
  double value;  // a counter's is its total; NaN is no sample
};

struct MetricStoreStatus {
  std::size_t series = 0;
  std::uint64_t bytes = 0;  // of blocks
  std::array<std::size_t, kLevels> blocks{};
  std::vector<std::string> problems;  // damaged blocks left out, blocks that could not be written
};

class MetricStore {
 public:
  static constexpr Duration kStep = 10s;

  static Result<std::unique_ptr<MetricStore>> open(MetricStoreOptions options);
  ~MetricStore();

  // The series of that name; made when there is none. Its labels are sorted here. kTooLarge above
  // max_series, kExists when the name is one of another kind.
  Result<SeriesId> series(MetricName name, MetricKind kind);
  // A counter of how many observations of the histogram `name` lay in (above, up_to]. Such series
  // have the label "bucket"; histograms of equal buckets add up. See quantile().
  Result<SeriesId> bucket(MetricName name, double above, double up_to);

  // Samples of the step in which `time` lies, which is not before that of an earlier call
  // (kInvalid). A second sample of a gauge in one step replaces the first.
  Result<> append(WallTime time, std::span<const MetricSample> samples);

  // Makes coarser blocks and deletes what is too old. Takes up to seconds; call it now and then.
  Result<> tidy();

  Result<MetricResult> query(const MetricQuery& query) const;
  // The q-quantile (0 to 1) of what the histogram's buckets counted in each step, interpolated
  // within a bucket. The query's `reduce` and `across` do not matter.
  Result<MetricResult> quantile(const MetricQuery& query, double q) const;

  std::vector<std::string> names() const;
  std::vector<MetricName> select(const MetricSelector& selector) const;
  MetricStoreStatus status() const;

 private:
  struct State;
  explicit MetricStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::observe
