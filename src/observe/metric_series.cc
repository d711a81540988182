#include "observe/metric_series.h"

#include <algorithm>

#include "observe/coding.h"

namespace fairlead::observe {
namespace {

constexpr std::string_view kMagic = "FLMETn01";
// Bounds what a damaged number can make us allocate.
constexpr std::size_t kLargestId = 10'000'000;

}  // namespace

std::string_view MetricName::label(std::string_view of) const {
  for (const auto& [key, value] : labels)
    if (key == of) return value;
  return {};
}

bool MetricSelector::matches(const MetricName& series) const {
  if (series.name != name) return false;
  return std::ranges::all_of(
      labels, [&](const auto& wanted) { return series.label(wanted.first) == wanted.second; });
}

Result<SeriesTable> SeriesTable::open(const std::filesystem::path& path) {
  SeriesTable table;
  table.path_ = path;
  const auto visit = [&](std::string_view payload, std::uint64_t) -> Result<> {
    Decoder decoder(payload);
    const auto id = decoder.varint();
    Series series;
    const unsigned kind = decoder.byte();
    series.name.name = decoder.text();
    for (auto n = decoder.varint(); n > 0 && decoder.ok(); --n) {
      std::string key(decoder.text());
      series.name.labels.emplace_back(std::move(key), decoder.text());
    }
    if (!decoder.ok() || !decoder.at_end() || kind > 2 || id >= kLargestId)
      return fail(Code::kProtocol, "a series that cannot be read");
    series.kind = static_cast<MetricKind>(kind);
    if (id >= table.by_id_.size()) table.by_id_.resize(id + 1);
    table.by_name_.emplace(series.name, static_cast<SeriesId>(id));
    table.by_id_[id] = std::move(series);
    return {};
  };
  TRY(table.file_, FrameFile::open(path, kMagic, visit));
  return table;
}

const SeriesTable::Series* SeriesTable::find(SeriesId id) const {
  const auto index = static_cast<std::size_t>(id);
  return index < by_id_.size() && by_id_[index] ? &*by_id_[index] : nullptr;
}

std::optional<SeriesId> SeriesTable::find(const MetricName& name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? std::nullopt : std::optional(at->second);
}

Result<> SeriesTable::write(FrameFile& file, SeriesId id, const Series& series) const {
  std::string payload;
  put_varint(payload, static_cast<std::uint32_t>(id));
  payload += static_cast<char>(series.kind);
  put_text(payload, series.name.name);
  put_varint(payload, series.name.labels.size());
  for (const auto& [key, value] : series.name.labels) {
    put_text(payload, key);
    put_text(payload, value);
  }
  return file.append(payload);
}

Result<SeriesId> SeriesTable::add(MetricName name, MetricKind kind, std::size_t limit) {
  if (size() >= limit || by_id_.size() >= kLargestId)
    return fail(Code::kTooLarge, fmt::format("{} would be the metric series above the limit of {}",
                                             name.name, limit));
  const auto id = static_cast<SeriesId>(by_id_.size());
  const Series series{std::move(name), kind};
  TRY_VOID(write(file_, id, series));
  by_name_.emplace(series.name, id);
  by_id_.push_back(series);
  return id;
}

std::vector<SeriesId> SeriesTable::select(const MetricSelector& selector) const {
  std::vector<SeriesId> found;
  for (auto at = by_name_.lower_bound({selector.name, {}});
       at != by_name_.end() && at->first.name == selector.name; ++at)
    if (selector.matches(at->first)) found.push_back(at->second);
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> SeriesTable::names() const {
  std::vector<std::string> found;
  for (const auto& [name, id] : by_name_)
    if (found.empty() || found.back() != name.name) found.push_back(name.name);
  return found;
}

Result<> SeriesTable::keep_only(const std::vector<SeriesId>& used) {
  std::filesystem::path temporary = path_;
  temporary += ".tmp";
  std::error_code error;
  std::filesystem::remove(temporary, error);
  TRY(FrameFile file, FrameFile::open(temporary, kMagic, [](auto, auto) { return Result<>(); }));
  const auto is_used = [&](SeriesId id) { return std::ranges::binary_search(used, id); };
  for (const auto& [name, id] : by_name_)
    if (is_used(id)) TRY_VOID(write(file, id, *find(id)));
  TRY_VOID(file.sync());
  std::filesystem::rename(temporary, path_, error);
  if (error) return fail(Code::kSystem, path_.string() + ": " + error.message());
  file_ = std::move(file);
  std::erase_if(by_name_, [&](const auto& entry) { return !is_used(entry.second); });
  for (std::size_t id = 0; id < by_id_.size(); ++id)
    if (!is_used(static_cast<SeriesId>(id))) by_id_[id].reset();
  return {};
}

}  // namespace fairlead::observe
