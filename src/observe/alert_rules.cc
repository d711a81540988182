#include "observe/alert_rules.h"

#include <charconv>
#include <cmath>

#include "base/strings.h"

namespace fairlead::observe {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double unix_seconds(WallTime time) { return seconds(time.time_since_epoch()); }

MetricQuery query_of(const AlertRule& rule, const MetricSelector& select, WallTime now,
                     Duration window) {
  // The step that is still being filled would look like a fall.
  const WallTime to = std::chrono::floor<std::chrono::seconds>(now);
  return {.select = select, .from = to - window, .to = to, .by = rule.by};
}

double sum(std::span<const double> values) {
  double total = 0;
  for (const double value : values)
    if (!std::isnan(value)) total += value;
  return total;
}

double last(std::span<const double> values) {
  for (std::size_t i = values.size(); i-- > 0;)
    if (!std::isnan(values[i])) return values[i];
  return std::numeric_limits<double>::quiet_NaN();
}

// A value in the unit that the metric's name ends with, for people.
std::string quantity(std::string_view name, double value) {
  if (name.ends_with("_bytes") && value >= 1024)
    return human_bytes(static_cast<std::uint64_t>(value));
  if (name.ends_with("_seconds") && std::abs(value) < 1e9)
    return human(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value)));
  return fmt::format("{:g}", value);
}

// What a counter grew by in the window, by group.
Result<std::map<MetricLabels, double>> increases(MetricQuery query, const MetricStore& store) {
  query.reduce = Reduce::kIncrease;
  TRY(const MetricResult result, store.query(query));
  std::map<MetricLabels, double> found;
  for (const auto& group : result.groups) found[group.labels] = sum(group.values);
  return found;
}

// The last value of a gauge in the last ten minutes, by group.
Result<std::vector<MetricResult::Group>> latest(const AlertRule& rule, const MetricSelector& select,
                                                Across across, const MetricStore& store,
                                                WallTime now) {
  MetricQuery query = query_of(rule, select, now, 10min);
  query.reduce = Reduce::kLast;
  query.across = across;
  TRY(MetricResult result, store.query(query));
  for (auto& group : result.groups) group.values = {last(group.values)};
  return std::move(result.groups);
}

using Findings = Result<std::vector<Finding>>;

struct Judge {
  const AlertRule& rule;
  const MetricStore& store;
  WallTime now;

  Findings operator()(const ErrorRate& condition) const {
    TRY(const auto all, increases(query_of(rule, condition.all, now, condition.window), store));
    TRY(const auto failed,
        increases(query_of(rule, condition.failed, now, condition.window), store));
    std::vector<Finding> found;
    for (const auto& [labels, bad] : failed) {
      const auto total = all.find(labels);
      if (total == all.end() || total->second < condition.least) continue;
      const double share = bad / total->second;
      if (share <= condition.above) continue;
      found.push_back({labels, share,
                       fmt::format("{:.1f}% of {:.0f} requests failed in {}", share * 100,
                                   total->second, human(condition.window))});
    }
    return found;
  }

  Findings operator()(const LatencyBurn& condition) const {
    TRY(const auto in_long, burning(condition, condition.long_window));
    TRY(const auto in_short, burning(condition, condition.short_window));
    std::vector<Finding> found;
    for (const auto& [labels, burn] : in_short) {
      const auto also = in_long.find(labels);
      if (also == in_long.end() || burn < condition.factor || also->second < condition.factor)
        continue;
      found.push_back(
          {labels, burn,
           fmt::format("the error budget of \"{:g}% within {}\" burns {:.1f} times too fast",
                       condition.objective * 100, human(condition.within), burn)});
    }
    return found;
  }

  // How many times too fast, by group.
  Result<std::map<MetricLabels, double>> burning(const LatencyBurn& condition,
                                                 Duration window) const {
    MetricQuery query = query_of(rule, condition.histogram, now, window);
    query.by.emplace_back("bucket");
    TRY(const auto buckets, increases(query, store));
    struct Count {
      double all = 0, slow = 0;
    };
    std::map<MetricLabels, Count> counts;
    for (const auto& [bucket_labels, count] : buckets) {
      MetricLabels labels = bucket_labels;
      const std::string above = labels.back().second.substr(0, labels.back().second.find(".."));
      labels.pop_back();
      double lower = 0;
      std::from_chars(above.data(), above.data() + above.size(), lower);
      counts[labels].all += count;
      if (lower >= seconds(condition.within)) counts[labels].slow += count;
    }
    std::map<MetricLabels, double> found;
    for (const auto& [labels, count] : counts)
      if (count.all >= condition.least)
        found[labels] = count.slow / count.all / (1 - condition.objective);
    return found;
  }

  Findings operator()(const CrashLoop& condition) const {
    TRY(const auto restarts,
        increases(query_of(rule, condition.restarts, now, condition.window), store));
    std::vector<Finding> found;
    for (const auto& [labels, count] : restarts)
      if (count >= condition.count)
        found.push_back(
            {labels, count,
             fmt::format("started again {:.0f} times in {}", count, human(condition.window))});
    return found;
  }

  Findings operator()(const DiskForecast& condition) const {
    MetricQuery query = query_of(rule, condition.free_bytes, now, condition.look_back);
    query.step = 1min;
    query.across = Across::kMin;
    TRY(const MetricResult result, store.query(query));
    std::vector<Finding> found;
    for (const auto& group : result.groups) {
      const double left = seconds_left(group.values, seconds(result.step));
      if (!(left < seconds(condition.full_within))) continue;
      const auto in = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(left));
      found.push_back({group.labels, left, fmt::format("will be full in {}", human(in))});
    }
    return found;
  }

  // Where the least-squares line through the values meets zero, from the last one on; infinity when
  // it does not fall or there is too little to draw it through.
  static double seconds_left(std::span<const double> values, double step) {
    double n = 0, x_sum = 0, y_sum = 0, xx_sum = 0, xy_sum = 0, x_last = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(values[i])) continue;
      const double x = static_cast<double>(i) * step;
      n += 1;
      x_sum += x;
      y_sum += values[i];
      xx_sum += x * x;
      xy_sum += x * values[i];
      x_last = x;
    }
    const double spread = n * xx_sum - x_sum * x_sum;
    if (n < 10 || spread <= 0) return INFINITY;
    const double slope = (n * xy_sum - x_sum * y_sum) / spread;
    const double now_value = (y_sum - slope * x_sum) / n + slope * x_last;
    return slope < 0 ? std::max(0.0, now_value / -slope) : INFINITY;
  }

  Findings operator()(const EndsWithin& condition) const {
    TRY(const auto groups, latest(rule, condition.time, Across::kMin, store, now));
    std::vector<Finding> found;
    for (const auto& group : groups) {
      const double left = group.values[0] - unix_seconds(now);
      if (!(left < seconds(condition.within))) continue;  // and not for NaN
      found.push_back({group.labels, left,
                       left <= 0 ? "has ended" : fmt::format("ends in {:.1f} days", left / 86400)});
    }
    return found;
  }

  Findings operator()(const OlderThan& condition) const {
    TRY(const auto groups, latest(rule, condition.time, Across::kMax, store, now));
    std::vector<Finding> found;
    for (const auto& group : groups) {
      const double age = unix_seconds(now) - group.values[0];
      if (!(age > seconds(condition.age))) continue;
      found.push_back({group.labels, age, fmt::format("{:.1f} hours ago", age / 3600)});
    }
    return found;
  }

  Findings operator()(const Threshold& condition) const {
    MetricQuery query = query_of(rule, condition.select, now, condition.window);
    query.reduce = condition.reduce;
    query.across = condition.across;
    TRY(const MetricResult result, store.query(query));
    std::vector<Finding> found;
    for (const auto& group : result.groups) {
      const double value = over_window(group.values, condition.reduce);
      if (condition.above ? !(value > condition.limit) : !(value < condition.limit)) continue;
      found.push_back(
          {group.labels, value,
           fmt::format("{} is {}, {} {}", condition.select.name,
                       quantity(condition.select.name, value), condition.above ? "above" : "below",
                       quantity(condition.select.name, condition.limit))});
    }
    return found;
  }

  static double over_window(std::span<const double> values, Reduce reduce) {
    double least = INFINITY, greatest = -INFINITY, count = 0;
    for (const double value : values) {
      if (std::isnan(value)) continue;
      least = std::min(least, value);
      greatest = std::max(greatest, value);
      ++count;
    }
    if (count == 0) return std::numeric_limits<double>::quiet_NaN();
    switch (reduce) {
      case Reduce::kIncrease:
        return sum(values);
      case Reduce::kRate:
      case Reduce::kMean:
        return sum(values) / count;
      case Reduce::kMin:
        return least;
      case Reduce::kMax:
        return greatest;
      case Reduce::kLast:
        return last(values);
    }
    return 0;
  }
};

}  // namespace

Result<std::vector<Finding>> judge(const AlertRule& rule, const MetricStore& store, WallTime now) {
  auto found = std::visit(Judge{rule, store, now}, rule.condition);
  if (!found) return fail(std::move(found).error().in("alert rule " + rule.name));
  return found;
}

std::vector<AlertRule> default_alert_rules() {
  const std::vector<std::string> per_app = {"app", "environment"};
  return {
      {.name = "error-rate",
       .severity = "critical",
       .condition = ErrorRate{.all = {"fairlead_edge_requests", {}},
                              .failed = {"fairlead_edge_requests", {{"class", "5xx"}}}},
       .by = per_app,
       .hold = 1min},
      {.name = "latency-burn",
       .severity = "critical",
       .condition = LatencyBurn{.histogram = {"fairlead_edge_request_duration_seconds", {}}},
       .by = per_app},
      {.name = "latency-burn-slow",
       .severity = "warning",
       .condition = LatencyBurn{.histogram = {"fairlead_edge_request_duration_seconds", {}},
                                .factor = 6,
                                .long_window = 6h,
                                .short_window = 30min},
       .by = per_app},
      {.name = "crash-loop",
       .severity = "critical",
       .condition = CrashLoop{.restarts = {"fairlead_restarts", {}}},
       .by = {"app", "environment", "replica"}},
      {.name = "disk-forecast",
       .severity = "warning",
       .condition = DiskForecast{.free_bytes = {"fairlead_disk_free_bytes", {}}},
       .by = {"mount"},
       .hold = 10min},
      {.name = "certificate",
       .severity = "warning",
       .condition = EndsWithin{.time = {"fairlead_certificate_end_seconds", {}}},
       .by = {"host"}},
      {.name = "backup-age",
       .severity = "critical",
       .condition = OlderThan{.time = {"fairlead_backup_completed_seconds", {}}},
       .by = {"app", "environment", "service"}},
  };
}

}  // namespace fairlead::observe
