#include "output.h"

namespace airdata {

Output::Output(const Filter& filter) : filter_(filter), left_(filter.limit.value_or(-1)) {
  text_ = filter.csv ? std::string(kCsvHeader) + "\n" : "[";
}

bool Output::add(const Measurement& row) {
  if (!filter_.every) return write(row);
  const Micros every = *filter_.every;
  const Micros bucket = (row.time >= 0 ? row.time : row.time - every + 1) / every * every;
  if (bucket_ != bucket) write_bucket();
  if (left_ == 0) return false;
  bucket_ = bucket;
  auto& sums = sums_[row.station];
  for (std::size_t i = 0; i < kValues.size(); ++i) {
    if (!row.values[i]) continue;
    sums[i].sum += *row.values[i];
    ++sums[i].count;
  }
  return true;
}

void Output::finish() {
  write_bucket();
  if (!filter_.csv) text_ += "]\n";
}

void Output::write_bucket() {
  Measurement mean;
  for (const auto& [station, sums] : sums_) {
    mean.time = *bucket_;
    mean.station = station;
    if (filter_.after && Key{mean.time, station} <= *filter_.after) continue;
    for (std::size_t i = 0; i < kValues.size(); ++i)
      mean.values[i] = sums[i].count == 0
                           ? std::nullopt
                           : std::optional(sums[i].sum / static_cast<double>(sums[i].count));
    if (!write(mean)) break;
  }
  sums_.clear();
}

bool Output::write(const Measurement& row) {
  if (left_ == 0) return false;
  if (left_ > 0) --left_;
  if (filter_.csv) {
    append_csv(text_, row);
  } else {
    if (!std::exchange(first_, false)) text_ += ',';
    append_json(text_, row);
  }
  if (filter_.limit) last_ = Key{row.time, row.station};
  return left_ != 0;
}

}  // namespace airdata
