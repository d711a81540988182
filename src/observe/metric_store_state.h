// The inside of MetricStore: what metric_store.cc (samples in), metric_tidy.cc (coarser blocks,
// deleting) and metric_query.cc share. Included by nobody else.
#pragma once

#include <deque>
#include <mutex>

#include "observe/metric_store.h"

namespace fairlead::observe {

using BlockPtr = std::shared_ptr<const MetricBlock>;
using BlockMap = std::map<std::int64_t, BlockPtr>;  // by start

// Sums and differences of decimals without the noise of binary fractions: 0.3 - 0.1 is 0.2.
double without_noise(double value);

struct MetricStore::State {
  explicit State(MetricStoreOptions o) : options(std::move(o)) {}

  // The values of a series since the current block began.
  struct Head {
    double total = std::numeric_limits<double>::quiet_NaN();  // of a counter, at its last sample
    std::vector<double> values;                               // empty when there is none yet
  };

  Result<> open();
  Result<> open_blocks();
  Result<> replay(const std::filesystem::path& path);
  std::filesystem::path block_path(std::size_t level, std::int64_t start) const;
  std::filesystem::path journal_path(std::int64_t start) const;

  // With `mutex` held.
  void apply(std::int64_t time, SeriesId series, double value);
  Result<> begin_block(std::int64_t start);
  Result<> write_head();
  Result<> start_journal(std::int64_t start);
  std::string totals() const;
  void note(std::string problem);

  // Without it; `tidy_mutex` held.
  Result<> roll_up(std::size_t level);
  Result<> make_coarser(std::size_t level, std::int64_t start, const std::vector<BlockPtr>& finer);
  void delete_old();
  Result<> forget_unused();

  const MetricStoreOptions options;
  mutable std::mutex mutex;
  std::mutex tidy_mutex;  // taken first
  SeriesTable table;
  std::array<BlockMap, kLevels> blocks;
  std::vector<Head> heads;       // by SeriesId
  std::int64_t head_start = -1;  // Unix seconds; -1 before the first sample
  std::int64_t last_time = 0;
  FrameFile journal;
  std::string frame;  // scratch
  std::deque<std::string> problems;
};

}  // namespace fairlead::observe
