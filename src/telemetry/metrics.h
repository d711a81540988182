// Counters and latency histograms that cost a few nanoseconds to feed, and their OpenMetrics text.
//
// Counters belong to one writing thread (a loop) and may be read by any other: an exporter adds up
// what the loops counted, each on its own.
#pragma once

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/clock.h"

namespace fairlead::telemetry {

// A number with one writing thread and any number of readers.
class Counter {
 public:
  void add(std::uint64_t n = 1) { set(value() + n); }
  void subtract(std::uint64_t n = 1) { set(value() - n); }  // when used as a gauge
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// Durations from 1 µs to over an hour, each power of two cut in 8: a quantile is at most 12.5 % too
// high. One writing thread, any number of readers. 2 KiB.
class Histogram {
 public:
  void record(Duration duration);
  // Adds what `other` counted: for summing the loops' histograms.
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_.value(); }
  Duration sum() const { return Duration(sum_nanoseconds_.value()); }
  // The upper bound of the bucket in which the quantile lies (0 <= q <= 1); 0 when empty.
  Duration quantile(double q) const;
  // Calls back with the upper bound (µs) and the count of every bucket that is not empty.
  template <typename F>
  void each_bucket(F callback) const {
    for (std::size_t i = 0; i < kBuckets; ++i)
      if (const auto count = buckets_[i].value()) callback(upper_bound(i), count);
  }
  // How many were at most `bound`, which must be 2^n µs to be exact.
  std::uint64_t count_up_to(Duration bound) const;

 private:
  static constexpr std::size_t kSplitBits = 3;
  static constexpr std::size_t kBuckets = (32 - kSplitBits + 1) << kSplitBits;
  static std::size_t bucket_of(std::uint64_t microseconds);
  static std::uint64_t upper_bound(std::size_t bucket);  // µs, inclusive

  std::array<Counter, kBuckets> buckets_;
  Counter count_;
  Counter sum_nanoseconds_;
};

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

inline constexpr std::string_view kOpenMetricsType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

// Writes the OpenMetrics 1.0 text format. A family's samples follow its counter(), gauge() or
// histogram() line; names come without "_total", which is added to counters' samples. A name that
// ends in a base unit ("_seconds", "_bytes") gets its UNIT line.
class MetricsText {
 public:
  void counter(std::string_view name, std::string_view help) { family(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { family(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { family(name, "histogram", help); }
  // Always 1; what matters are the labels (a version, a build). Samples get "_info".
  void info(std::string_view name, std::string_view help) { family(name, "info", help); }

  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void sample(Number value, Labels labels = {}) {
    line(suffix_, {labels.begin(), labels.size()}, {}, {}, fmt::format("{}", value));
  }
  void sample(const Histogram& histogram, Labels labels = {});

  // The text with its "# EOF". The writer is empty afterwards.
  std::string finish();

 private:
  void family(std::string_view name, std::string_view type, std::string_view help);
  void line(std::string_view suffix, std::span<const Label> labels, std::string_view last_label,
            std::string_view last_value, std::string_view number);
  std::string name_;
  std::string_view suffix_;
  std::string text_;
};

}  // namespace fairlead::telemetry
