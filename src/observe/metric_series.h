// Names of series, and how they are chosen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "observe/frame_file.h"
#include "observe/metric_block.h"

namespace fairlead::observe {

enum class MetricKind : std::uint8_t {
  // Only grows, but for restarts from 0. Kept as what was added in each step, so that sums over
  // series and over time are exact. The first value of a new series was all added in its step.
  kCounter,
  kGauge,  // goes up and down
  // A counter of a process that may have been counting long before: its first value adds nothing.
  kForeignCounter,
};
inline bool is_counter(MetricKind kind) { return kind != MetricKind::kGauge; }

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

struct MetricName {
  std::string name;     // "http_requests"
  MetricLabels labels;  // sorted by name

  // The label's value, or "".
  std::string_view label(std::string_view of) const;
  auto operator<=>(const MetricName&) const = default;
};

// All series of that name whose labels have those values.
struct MetricSelector {
  std::string name;
  MetricLabels labels;

  bool matches(const MetricName& series) const;
};

// Every series that the store has seen, in a file of their own. Not thread-safe.
class SeriesTable {
 public:
  struct Series {
    MetricName name;
    MetricKind kind;
  };

  static Result<SeriesTable> open(const std::filesystem::path& path);

  const Series* find(SeriesId id) const;
  std::optional<SeriesId> find(const MetricName& name) const;
  // kTooLarge when there are `limit` already.
  Result<SeriesId> add(MetricName name, MetricKind kind, std::size_t limit);
  std::vector<SeriesId> select(const MetricSelector& selector) const;
  std::vector<std::string> names() const;  // of metrics, each once
  std::size_t size() const { return by_name_.size(); }
  // Forgets all but `used`, which is sorted.
  Result<> keep_only(const std::vector<SeriesId>& used);

 private:
  Result<> write(FrameFile& file, SeriesId id, const Series& series) const;
  std::filesystem::path path_;
  FrameFile file_;
  std::vector<std::optional<Series>> by_id_;  // nothing where one was forgotten
  std::map<MetricName, SeriesId> by_name_;
};

}  // namespace fairlead::observe
