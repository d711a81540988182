#include "observe/edge_totals.h"

#include <set>

namespace fairlead::observe {

std::vector<ScrapedSample> EdgeTotals::take(std::vector<ScrapedSample> samples) {
  std::map<MetricName, double> now;
  std::set<MetricName> gauges;
  std::vector<ScrapedSample> taken;
  std::map<MetricName, MetricKind> counters;
  for (auto& sample : samples) {
    MetricName name = sample.name;
    std::erase_if(name.labels, [](const auto& label) { return label.first == "address"; });
    if (!is_counter(sample.kind)) {
      // The one that is in use comes first.
      if (gauges.insert(name).second) taken.push_back({std::move(name), sample.kind, sample.value});
      continue;
    }
    const auto before = last_.find(sample.name);
    // What was counted before this control began is not of its time; an edge that was started again
    // counts from zero.
    const double added = before == last_.end()            ? (begun_ ? sample.value : 0)
                         : sample.value >= before->second ? sample.value - before->second
                                                          : sample.value;
    totals_[name] += added;
    counters.emplace(std::move(name), sample.kind);
    now.emplace(std::move(sample.name), sample.value);
  }
  for (auto& [name, kind] : counters) taken.push_back({name, kind, totals_[name]});
  last_ = std::move(now);
  begun_ = true;
  return taken;
}

}  // namespace fairlead::observe
