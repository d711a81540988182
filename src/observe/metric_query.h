// What to ask the metric store.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "observe/metric_series.h"

namespace fairlead::observe {

// What becomes of a series' values within one step. Rate (per second) and increase are for
// counters, the others for gauges.
enum class Reduce { kRate, kIncrease, kMean, kMin, kMax, kLast };
// What becomes of the series of one group.
enum class Across { kSum, kMean, kMin, kMax };

struct MetricQuery {
  MetricSelector select;
  WallTime from, to;
  // The answer's; made coarser where values of that time are only kept coarser.
  Duration step = 10s;
  Reduce reduce = Reduce::kMean;
  Across across = Across::kSum;
  std::vector<std::string> by;  // labels that tell groups apart; none: all in one
};

struct MetricResult {
  struct Group {
    MetricLabels labels;         // those of `by`, in its order
    std::vector<double> values;  // NaN where there was no sample
  };
  WallTime from;  // where the first step begins: the query's, rounded down to a step
  Duration step{};
  std::vector<Group> groups;  // by labels
};

}  // namespace fairlead::observe
