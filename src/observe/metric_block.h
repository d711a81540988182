// A block: the values of all series at one level of resolution over one stretch of time, in a file
// that is written once.
//
//   magic, chunks (one per series: crc32, packed columns), directory (level, start, points, series
//   with the sizes of their chunks), footer { directory offset (8) size (4) crc32 (4) magic (8) }
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fairlead::observe {

enum class SeriesId : std::uint32_t {};

// A level keeps a value per `step` seconds, `points` of them in a block. Blocks begin at multiples
// of their length since 1970.

struct Resolution {
  std::int64_t step;  // seconds
  std::int64_t points;
  std::int64_t length() const { return step * points; }
};
// As they come in; by the minute; by the hour. Each block of a coarser level is made of whole
// blocks of the one before.
inline constexpr Resolution kResolutions[] = {{10, 180}, {60, 360}, {3600, 96}};
inline constexpr std::size_t kLevels = std::size(kResolutions);

// The columns of a series: one (what was counted, or measured) but for roll-ups of gauges, which
// have mean, least and greatest.
using Columns = std::vector<std::vector<double>>;

class MetricBlock {
 public:
  struct Chunk {
    SeriesId series;
    std::uint64_t offset;
    std::uint32_t size;
  };

  static Result<std::shared_ptr<const MetricBlock>> open(const std::filesystem::path& path);

  std::size_t level() const { return level_; }
  std::int64_t start() const { return start_; }  // Unix seconds
  std::int64_t end() const { return start_ + kResolutions[level_].length(); }
  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  // Every series' chunk, by series. Reads the file.
  Result<std::vector<Chunk>> directory() const;
  Result<Columns> read(const Chunk& chunk) const;

 private:
  Result<> load();
  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::size_t level_ = 0;
  std::int64_t start_ = 0;
  std::uint64_t directory_offset_ = 0;
  std::uint32_t directory_size_ = 0;
  std::uint32_t directory_sum_ = 0;
};

// Writes a block through a temporary file: it is there whole or not at all.
class BlockWriter {
 public:
  static Result<BlockWriter> create(const std::filesystem::path& path, std::size_t level,
                                    std::int64_t start);
  // Series in ascending order.
  Result<> add(SeriesId series, std::span<const std::span<const double>> columns);
  // To the disk, under its name.
  Result<> finish();

 private:
  BlockWriter(std::filesystem::path path, UniqueFd fd, std::size_t level, std::int64_t start);
  std::filesystem::path path_;
  UniqueFd fd_;
  std::string buffer_;
  std::uint64_t offset_ = 0;  // of what has left the buffer
  std::string directory_;     // entries
  std::uint32_t last_ = 0;
  std::size_t level_;
  std::int64_t start_;
};

}  // namespace fairlead::observe
