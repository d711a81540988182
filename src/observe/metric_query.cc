#include "observe/metric_query.h"

#include <charconv>
#include <cmath>

#include "observe/metric_store_state.h"

namespace fairlead::observe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::int64_t seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// One series' values in the steps of an answer.
class Steps {
 public:
  Steps(std::int64_t from, std::int64_t step, std::size_t count)
      : from_(from), step_(step), steps_(count) {}

  void reset() { std::ranges::fill(steps_, Step{}); }
  // Points of the given spacing, of which those in [begin, end) count.
  void add(const Columns& columns, std::int64_t start, std::int64_t spacing, std::int64_t begin,
           std::int64_t end) {
    const auto& least = columns.size() == 3 ? columns[1] : columns[0];
    const auto& greatest = columns.size() == 3 ? columns[2] : columns[0];
    std::size_t i =
        begin > start ? static_cast<std::size_t>((begin - start + spacing - 1) / spacing) : 0;
    for (; i < columns[0].size(); ++i) {
      const std::int64_t time = start + static_cast<std::int64_t>(i) * spacing;
      if (time >= end) break;
      if (std::isnan(columns[0][i])) continue;
      Step& step = steps_[static_cast<std::size_t>((time - from_) / step_)];
      step.sum += columns[0][i];
      step.least = step.count == 0 ? least[i] : std::min(step.least, least[i]);
      step.greatest = step.count == 0 ? greatest[i] : std::max(step.greatest, greatest[i]);
      step.last = columns[0][i];
      ++step.count;
    }
  }
  double value(std::size_t i, Reduce reduce) const {
    const Step& step = steps_[i];
    if (step.count == 0) return kNaN;
    switch (reduce) {
      case Reduce::kRate:
        return step.sum / static_cast<double>(step_);
      case Reduce::kIncrease:
        return step.sum;
      case Reduce::kMean:
        return step.sum / step.count;
      case Reduce::kMin:
        return step.least;
      case Reduce::kMax:
        return step.greatest;
      case Reduce::kLast:
        return step.last;
    }
    return kNaN;
  }

 private:
  struct Step {
    double sum = 0, least = 0, greatest = 0, last = 0;
    unsigned count = 0;
  };
  std::int64_t from_, step_;
  std::vector<Step> steps_;
};

// What a query reads: a consistent view of the blocks and of the selected series' heads.
struct View {
  struct Part {
    BlockPtr block;  // null: the head
    std::int64_t begin, end;
    std::vector<MetricBlock::Chunk> directory;
  };
  struct Series {
    SeriesId id;
    MetricName name;
    std::vector<double> head;
  };
  std::array<BlockMap, kLevels> blocks;
  std::int64_t head_start = -1;
  std::vector<Series> series;
  std::vector<Part> parts;

  // [begin, end) at `level` where there are blocks of it, finer where there are not.
  Result<> cover(std::size_t level, std::int64_t begin, std::int64_t end) {
    const std::int64_t length = kResolutions[level].length();
    for (auto at = blocks[level].lower_bound(begin / length * length);
         at != blocks[level].end() && at->first < end && begin < end; ++at) {
      const BlockPtr& block = at->second;
      if (block->start() > begin) TRY_VOID(cover_finer(level, begin, block->start()));
      begin = std::max(begin, block->start());
      const std::int64_t until = std::min(end, block->end());
      TRY(auto directory, block->directory());
      parts.push_back({block, begin, until, std::move(directory)});
      begin = until;
    }
    return begin < end ? cover_finer(level, begin, end) : Result<>();
  }
  Result<> cover_finer(std::size_t level, std::int64_t begin, std::int64_t end) {
    if (level > 0) return cover(level - 1, begin, end);
    const std::int64_t head_end = head_start + kResolutions[0].length();
    if (head_start >= 0 && begin < head_end && end > head_start)
      parts.push_back({nullptr, std::max(begin, head_start), std::min(end, head_end), {}});
    return {};
  }
};

struct Plan {
  std::int64_t from, to, step;
  std::size_t level;
  std::size_t count() const { return static_cast<std::size_t>((to - from + step - 1) / step); }
};

// The coarsest level that still gives the step; coarser where finer values of that time are gone.
Result<Plan> make_plan(const MetricQuery& query, const View& view) {
  constexpr std::size_t kMostSteps = 100'000;
  Plan plan{.from = seconds(query.from), .to = seconds(query.to), .step = 0, .level = 0};
  plan.step = std::max(kResolutions[0].step,
                       std::chrono::duration_cast<std::chrono::seconds>(query.step).count());
  if (plan.from < 0 || plan.from >= plan.to) return fail(Code::kInvalid, "an empty range of time");
  while (plan.level + 1 < kLevels && kResolutions[plan.level + 1].step <= plan.step) ++plan.level;
  const auto oldest = [&](std::size_t level) {
    return view.blocks[level].empty() ? INT64_MAX : view.blocks[level].begin()->first;
  };
  for (std::size_t level = plan.level + 1; level < kLevels; ++level)
    if (oldest(plan.level) > plan.from && oldest(level) < oldest(plan.level)) plan.level = level;
  const std::int64_t unit = kResolutions[plan.level].step;
  plan.step = (plan.step + unit - 1) / unit * unit;
  plan.from = plan.from / plan.step * plan.step;
  if (plan.count() > kMostSteps) return fail(Code::kTooLarge, "too many steps in one answer");
  return plan;
}

void combine(double& into, double value, Across across) {
  if (std::isnan(value)) return;
  if (std::isnan(into))
    into = value;
  else if (across == Across::kMin)
    into = std::min(into, value);
  else if (across == Across::kMax)
    into = std::max(into, value);
  else
    into += value;
}

MetricLabels group_labels(const MetricName& name, const std::vector<std::string>& by) {
  MetricLabels labels;
  for (const std::string& label : by) labels.emplace_back(label, name.label(label));
  return labels;
}

// Calls `found` with each series' name and steps.
template <typename Found>
Result<> for_each_series(const View& view, const Plan& plan, Found found) {
  Steps steps(plan.from, plan.step, plan.count());
  for (const View::Series& series : view.series) {
    steps.reset();
    for (const View::Part& part : view.parts) {
      if (!part.block) {
        if (!series.head.empty())
          steps.add({series.head}, view.head_start, kResolutions[0].step, part.begin, part.end);
        continue;
      }
      const auto chunk =
          std::ranges::lower_bound(part.directory, series.id, {}, &MetricBlock::Chunk::series);
      if (chunk == part.directory.end() || chunk->series != series.id) continue;
      TRY(const Columns columns, part.block->read(*chunk));
      steps.add(columns, part.block->start(), kResolutions[part.block->level()].step, part.begin,
                part.end);
    }
    found(series.name, steps);
  }
  return {};
}

struct BucketBounds {
  double above, up_to;
  auto operator<=>(const BucketBounds&) const = default;
};

std::optional<BucketBounds> parse_bucket(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view part) -> std::optional<double> {
    double n = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), n);
    return error == std::errc() && end == part.data() + part.size() ? std::optional(n)
                                                                    : std::nullopt;
  };
  const auto above = number(text.substr(0, dots)), up_to = number(text.substr(dots + 2));
  if (!above || !up_to) return std::nullopt;
  return BucketBounds{*above, *up_to};
}

// Counts by bucket, for each step.
using Buckets = std::map<BucketBounds, std::vector<double>>;

double quantile_of(const Buckets& buckets, std::size_t step, double q) {
  double total = 0;
  for (const auto& [bounds, counts] : buckets) total += counts[step];
  if (total <= 0) return kNaN;
  const double rank = q * total;
  double below = 0;
  double highest = kNaN;
  for (const auto& [bounds, counts] : buckets) {
    if (counts[step] <= 0) continue;
    // The last bucket may have no end: then its beginning is all that is known.
    highest = std::isfinite(bounds.up_to) ? bounds.up_to : bounds.above;
    if (below + counts[step] < rank) {
      below += counts[step];
      continue;
    }
    if (!std::isfinite(bounds.up_to)) return bounds.above;
    return bounds.above + (bounds.up_to - bounds.above) * (rank - below) / counts[step];
  }
  return highest;
}

template <typename State>
View view_of(State& state, const MetricSelector& selector) {
  const std::lock_guard lock(state.mutex);
  View view{.blocks = state.blocks, .head_start = state.head_start};
  for (const SeriesId id : state.table.select(selector)) {
    View::Series series{id, state.table.find(id)->name, {}};
    const auto index = static_cast<std::size_t>(id);
    if (index < state.heads.size()) series.head = state.heads[index].values;
    view.series.push_back(std::move(series));
  }
  return view;
}

}  // namespace

Result<MetricResult> MetricStore::query(const MetricQuery& query) const {
  View view = view_of(*state_, query.select);
  TRY(const Plan plan, make_plan(query, view));
  TRY_VOID(view.cover(plan.level, plan.from, plan.to));

  struct Group {
    std::vector<double> values;
    std::vector<unsigned> counts;
  };
  std::map<MetricLabels, Group> groups;
  TRY_VOID(for_each_series(view, plan, [&](const MetricName& name, const Steps& steps) {
    Group& group = groups[group_labels(name, query.by)];
    if (group.values.empty()) {
      group.values.assign(plan.count(), kNaN);
      group.counts.assign(plan.count(), 0);
    }
    for (std::size_t i = 0; i < plan.count(); ++i) {
      const double value = steps.value(i, query.reduce);
      combine(group.values[i], value, query.across);
      group.counts[i] += std::isnan(value) ? 0 : 1;
    }
  }));

  MetricResult result{
      WallTime(std::chrono::seconds(plan.from)), std::chrono::seconds(plan.step), {}};
  for (auto& [labels, group] : groups) {
    if (query.across == Across::kMean)
      for (std::size_t i = 0; i < group.values.size(); ++i) group.values[i] /= group.counts[i];
    result.groups.push_back({labels, std::move(group.values)});
  }
  return result;
}

Result<MetricResult> MetricStore::quantile(const MetricQuery& query, double q) const {
  View view = view_of(*state_, query.select);
  TRY(const Plan plan, make_plan(query, view));
  TRY_VOID(view.cover(plan.level, plan.from, plan.to));

  std::map<MetricLabels, Buckets> groups;
  TRY_VOID(for_each_series(view, plan, [&](const MetricName& name, const Steps& steps) {
    const auto bounds = parse_bucket(name.label("bucket"));
    if (!bounds) return;
    auto& counts = groups[group_labels(name, query.by)][*bounds];
    counts.resize(plan.count());
    for (std::size_t i = 0; i < plan.count(); ++i) {
      const double added = steps.value(i, Reduce::kIncrease);
      if (!std::isnan(added)) counts[i] += added;
    }
  }));

  MetricResult result{
      WallTime(std::chrono::seconds(plan.from)), std::chrono::seconds(plan.step), {}};
  for (const auto& [labels, buckets] : groups) {
    std::vector<double> values(plan.count());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = quantile_of(buckets, i, q);
    result.groups.push_back({labels, std::move(values)});
  }
  return result;
}

}  // namespace fairlead::observe
