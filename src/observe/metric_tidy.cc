// Coarser blocks out of finer ones, and the end of old ones.
#include <cmath>
#include <set>

#include "observe/metric_store_state.h"

namespace fairlead::observe {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Seven digits: what is left of a mean when it is drawn, at a third of the space.
double rounded(double mean) {
  if (mean == 0 || !std::isfinite(mean)) return mean;
  const double digits = 6 - std::floor(std::log10(std::fabs(mean)));
  if (digits <= 0) return std::nearbyint(mean);
  const double by = std::pow(10.0, std::min(digits, 12.0));
  return std::nearbyint(mean * by) / by;
}

// Gathers finer points of one series into coarser ones.
class RollUp {
 public:
  RollUp(std::size_t level, std::int64_t start) : resolution_(kResolutions[level]), start_(start) {
    const auto points = static_cast<std::size_t>(resolution_.points);
    sum_.resize(points);
    count_.resize(points);
    least_.resize(points);
    greatest_.resize(points);
  }

  void reset() {
    std::ranges::fill(sum_, 0.0);
    std::ranges::fill(count_, 0u);
    std::ranges::fill(least_, kNaN);
    std::ranges::fill(greatest_, kNaN);
  }
  void add(const Columns& columns, const MetricBlock& from) {
    const std::int64_t step = kResolutions[from.level()].step;
    const auto& least = columns.size() == 3 ? columns[1] : columns[0];
    const auto& greatest = columns.size() == 3 ? columns[2] : columns[0];
    for (std::size_t i = 0; i < columns[0].size(); ++i) {
      if (std::isnan(columns[0][i])) continue;
      const std::int64_t time = from.start() + static_cast<std::int64_t>(i) * step;
      const auto at = static_cast<std::size_t>((time - start_) / resolution_.step);
      sum_[at] += columns[0][i];
      ++count_[at];
      least_[at] = std::fmin(least_[at], least[i]);
      greatest_[at] = std::fmax(greatest_[at], greatest[i]);
    }
  }
  Result<> write(BlockWriter& writer, SeriesId series, MetricKind kind) {
    for (std::size_t i = 0; i < sum_.size(); ++i) {
      if (count_[i] == 0)
        sum_[i] = kNaN;
      else
        sum_[i] = is_counter(kind) ? without_noise(sum_[i]) : rounded(sum_[i] / count_[i]);
    }
    const std::array<std::span<const double>, 3> columns{sum_, least_, greatest_};
    return writer.add(series, std::span(columns).first(is_counter(kind) ? 1 : 3));
  }

 private:
  Resolution resolution_;
  std::int64_t start_;
  std::vector<double> sum_, least_, greatest_;
  std::vector<unsigned> count_;
};

}  // namespace

Result<> MetricStore::tidy() {
  const std::lock_guard lock(state_->tidy_mutex);
  for (std::size_t level = 1; level < kLevels; ++level) TRY_VOID(state_->roll_up(level));
  state_->delete_old();
  return state_->forget_unused();
}

// Makes the blocks of `level` whose time is over and which are not there yet.
Result<> MetricStore::State::roll_up(std::size_t level) {
  const std::int64_t length = kResolutions[level].length();
  std::map<std::int64_t, std::vector<BlockPtr>> missing;
  {
    const std::lock_guard lock(mutex);
    const std::int64_t over = head_start / length * length;
    for (const auto& [start, block] : blocks[level - 1]) {
      const std::int64_t coarser = start / length * length;
      if (coarser < over && !blocks[level].contains(coarser)) missing[coarser].push_back(block);
    }
  }
  for (const auto& [start, finer] : missing) TRY_VOID(make_coarser(level, start, finer));
  return {};
}

Result<> MetricStore::State::make_coarser(std::size_t level, std::int64_t start,
                                          const std::vector<BlockPtr>& finer) {
  struct Piece {
    MetricBlock::Chunk chunk;
    const MetricBlock* block;
  };
  std::vector<Piece> pieces;
  for (const BlockPtr& block : finer) {
    auto directory = block->directory();
    if (!directory) {
      const std::lock_guard lock(mutex);
      note(directory.error().message());
      continue;
    }
    for (const auto& chunk : *directory) pieces.push_back({chunk, block.get()});
  }
  std::ranges::sort(pieces, {}, [](const Piece& piece) {
    return std::pair(piece.chunk.series, piece.block->start());
  });
  TRY(BlockWriter writer, BlockWriter::create(block_path(level, start), level, start));
  RollUp sums(level, start);
  for (std::size_t i = 0; i < pieces.size();) {
    const SeriesId series = pieces[i].chunk.series;
    sums.reset();
    for (; i < pieces.size() && pieces[i].chunk.series == series; ++i) {
      const auto columns = pieces[i].block->read(pieces[i].chunk);
      if (columns) {
        sums.add(*columns, *pieces[i].block);
        continue;
      }
      const std::lock_guard lock(mutex);
      note(columns.error().message());
    }
    std::optional<MetricKind> kind;
    {
      const std::lock_guard lock(mutex);
      if (const auto* known = table.find(series)) kind = known->kind;
    }
    if (kind) TRY_VOID(sums.write(writer, series, *kind));
  }
  TRY_VOID(writer.finish());
  TRY(auto block, MetricBlock::open(block_path(level, start)));
  const std::lock_guard lock(mutex);
  blocks[level].insert_or_assign(start, std::move(block));
  return {};
}

// A block goes when it is too old or room is needed, but never before the coarser one is made.
void MetricStore::State::delete_old() {
  const std::lock_guard lock(mutex);
  std::uint64_t size = 0;
  for (const auto& level : blocks)
    for (const auto& [start, block] : level) size += block->size();
  for (std::size_t level = 0; level < kLevels; ++level) {
    const auto keep = std::chrono::duration_cast<std::chrono::seconds>(options.keep[level]).count();
    while (!blocks[level].empty()) {
      const BlockPtr oldest = blocks[level].begin()->second;
      if (oldest->end() + keep > last_time && size <= options.quota) break;
      if (level + 1 < kLevels) {
        const std::int64_t length = kResolutions[level + 1].length();
        if (!blocks[level + 1].contains(oldest->start() / length * length)) break;
      } else if (blocks[level].size() == 1) {
        break;
      }
      std::error_code error;
      if (!std::filesystem::remove(oldest->path(), error) && error)
        return note(oldest->path().string() + ": " + error.message());
      size -= oldest->size();
      blocks[level].erase(blocks[level].begin());
    }
  }
}

// Every deployment brings new series. Those of which nothing is left are forgotten, now and then.
Result<> MetricStore::State::forget_unused() {
  std::vector<BlockPtr> all;
  {
    const std::lock_guard lock(mutex);
    if (table.size() < options.max_series / 2) return {};
    for (const auto& level : blocks)
      for (const auto& [start, block] : level) all.push_back(block);
  }
  std::set<SeriesId> used;
  for (const BlockPtr& block : all) {
    TRY(const auto directory, block->directory());
    for (const auto& chunk : directory) used.insert(chunk.series);
  }
  const std::lock_guard lock(mutex);
  for (std::size_t id = 0; id < heads.size(); ++id)
    if (!heads[id].values.empty()) used.insert(static_cast<SeriesId>(id));
  if (used.size() > table.size() * 3 / 4) return {};
  for (std::size_t id = 0; id < heads.size(); ++id)
    if (!used.contains(static_cast<SeriesId>(id))) heads[id] = {};
  return table.keep_only({used.begin(), used.end()});
}

}  // namespace fairlead::observe
