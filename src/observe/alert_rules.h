// What an operator wants to be told of: a small set of named conditions over the metric store, not
// a language. Each is judged for every group of series apart (every app, every disk, …).
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "observe/metric_store.h"

namespace fairlead::observe {

// The share of `failed` in `all`, both counters, over the window.
struct ErrorRate {
  MetricSelector all, failed;
  double above = 0.05;
  Duration window = 5min;
  double least = 20;  // fewer of `all` in the window say nothing
};

// A latency objective ("99 % within 500 ms") whose error budget burns `factor` times too fast, over
// a long window (it matters) and a short one (it still goes on). The usual pair for 30 days: 14.4
// over 1 h and 5 min spends 2 % of the budget.
struct LatencyBurn {
  MetricSelector histogram;
  Duration within = 500ms;
  double objective = 0.99;
  double factor = 14.4;
  Duration long_window = 1h, short_window = 5min;
  double least = 20;  // observations in the short window
};

// A counter of restarts that grew by `count` within the window.
struct CrashLoop {
  MetricSelector restarts;
  double count = 3;
  Duration window = 10min;
};

// Free bytes that fall along a line which meets zero within `full_within`.
struct DiskForecast {
  MetricSelector free_bytes;
  Duration look_back = 6h;
  Duration full_within = 24h;
};

// A gauge with a point in time (Unix seconds) that is nearer than that: a certificate's end.
struct EndsWithin {
  MetricSelector time;
  Duration within = std::chrono::days(14);
};

// A gauge with a point in time that is longer ago: the last backup.
struct OlderThan {
  MetricSelector time;
  Duration age = 26h;
};

// Any series against a number: its value over the window, above or below the limit.
struct Threshold {
  MetricSelector select;
  Reduce reduce = Reduce::kMean;
  Across across = Across::kSum;
  Duration window = 5min;
  bool above = true;
  double limit = 0;
};

using Condition =
    std::variant<ErrorRate, LatencyBurn, CrashLoop, DiskForecast, EndsWithin, OlderThan, Threshold>;

struct AlertRule {
  std::string name;      // "error-rate": unique; also names its runbook
  std::string severity;  // "warning", "critical"
  Condition condition;
  std::vector<std::string> by;  // labels that tell groups apart
  Duration hold = 0s;           // how long the condition has to hold before it fires
};

// One group for which a rule's condition holds.
struct Finding {
  MetricLabels labels;
  double value = 0;
  std::string summary;  // "7.3% of 1200 requests failed in 5m 0s"
};

// The groups for which the condition holds at `now`. A group without samples is not among them.
Result<std::vector<Finding>> judge(const AlertRule& rule, const MetricStore& store, WallTime now);

// What is watched when nobody asked: over the metrics that README.md lists.
std::vector<AlertRule> default_alert_rules();

}  // namespace fairlead::observe
