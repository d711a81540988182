#include "observe/metric_store.h"

#include <cmath>

#include "base/file.h"
#include "base/strings.h"
#include "observe/coding.h"
#include "observe/metric_store_state.h"

namespace fairlead::observe {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kJournalMagic = "FLMETj01";
constexpr std::size_t kProblemsKept = 20;
// The journal's frames: totals that counters had when it began; samples.
enum Frame : unsigned char { kTotals = 1, kSamples = 2 };

constexpr Resolution kRaw = kResolutions[0];

std::int64_t seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// What a counter added between two totals; a smaller one means that it began anew.
double increase(double before, double total) {
  return total < before ? total : without_noise(total - before);
}

}  // namespace

double without_noise(double value) {
  constexpr double kNano = 1e9;
  if (!(std::fabs(value) < 9e6)) return value;
  return std::nearbyint(value * kNano) / kNano;
}

MetricStore::MetricStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricStore::~MetricStore() = default;

Result<std::unique_ptr<MetricStore>> MetricStore::open(MetricStoreOptions options) {
  TRY_VOID(make_directories(options.folder, 0750));
  auto state = std::make_unique<State>(std::move(options));
  TRY_VOID(state->open());
  return std::unique_ptr<MetricStore>(new MetricStore(std::move(state)));
}

fs::path MetricStore::State::block_path(std::size_t level, std::int64_t start) const {
  return options.folder / fmt::format("{}-{:012}.block", kResolutions[level].step, start);
}
fs::path MetricStore::State::journal_path(std::int64_t start) const {
  return options.folder / fmt::format("{:012}.journal", start);
}

Result<> MetricStore::State::open() {
  TRY(table, SeriesTable::open(options.folder / "series"));
  TRY_VOID(open_blocks());
  std::vector<fs::path> journals;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options.folder, error))
    if (entry.path().extension() == ".journal") journals.push_back(entry.path());
  if (error) return fail(Code::kSystem, options.folder.string() + ": " + error.message());
  std::ranges::sort(journals);
  // Each but the last is of a block that was not finished; replaying the next one finishes it.
  for (const fs::path& path : journals) TRY_VOID(replay(path));
  return {};
}

Result<> MetricStore::State::open_blocks() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options.folder, error)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".tmp") fs::remove(path, error);
    if (path.extension() != ".block") continue;
    auto block = MetricBlock::open(path);
    if (!block) {
      note(block.error().message());
      continue;
    }
    const std::size_t level = (*block)->level();
    blocks[level].emplace((*block)->start(), *std::move(block));
  }
  if (error) return fail(Code::kSystem, options.folder.string() + ": " + error.message());
  return {};
}

Result<> MetricStore::State::replay(const fs::path& path) {
  const auto start = static_cast<std::int64_t>(parse_unsigned(path.stem().string()).value_or(0));
  if (head_start >= 0) {
    if (auto written = write_head(); !written) return written;
    std::error_code error;
    fs::remove(journal_path(head_start), error);
    for (Head& head : heads) head.values.clear();
  }
  head_start = start;
  const auto visit = [&](std::string_view payload, std::uint64_t) -> Result<> {
    Decoder decoder(payload);
    const unsigned kind = decoder.byte();
    const std::int64_t time = start + static_cast<std::int64_t>(decoder.varint());
    if ((kind != kTotals && kind != kSamples) || time < start || time >= start + kRaw.length())
      return fail(Code::kProtocol, "a frame that cannot be read");
    std::uint64_t id = 0;
    while (!decoder.at_end()) {
      id += static_cast<std::uint64_t>(decoder.zigzag());
      const auto value = decoder.fixed<double>();
      if (!decoder.ok() || table.find(static_cast<SeriesId>(id)) == nullptr || id > UINT32_MAX)
        return fail(Code::kProtocol, "a sample of an unknown series");
      if (kind == kSamples) {
        apply(time, static_cast<SeriesId>(id), value);
        continue;
      }
      if (id >= heads.size()) heads.resize(id + 1);
      heads[id].total = value;
    }
    last_time = std::max(last_time, time);
    return {};
  };
  TRY(journal, FrameFile::open(path, kJournalMagic, visit));
  if (journal.cut() > 0)
    note(fmt::format("{}: a torn tail of {} bytes was cut off", path.string(), journal.cut()));
  // The process died before the totals were in it.
  if (journal.size() <= kMagicSize) return journal.append(totals());
  return {};
}

Result<SeriesId> MetricStore::series(MetricName name, MetricKind kind) {
  std::ranges::sort(name.labels);
  const std::lock_guard lock(state_->mutex);
  if (const auto found = state_->table.find(name)) {
    if (state_->table.find(*found)->kind != kind)
      return fail(Code::kExists, name.name + " is a metric of another kind");
    return *found;
  }
  return state_->table.add(std::move(name), kind, state_->options.max_series);
}

Result<SeriesId> MetricStore::bucket(MetricName name, double above, double up_to) {
  name.labels.emplace_back("bucket", fmt::format("{}..{}", above, up_to));
  return series(std::move(name), MetricKind::kCounter);
}

Result<> MetricStore::append(WallTime time, std::span<const MetricSample> samples) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  const std::int64_t at = seconds(time) / kRaw.step * kRaw.step;
  if (at < state.last_time)
    return fail(Code::kInvalid,
                fmt::format("a sample of {} s before the last one", state.last_time - at));
  const std::int64_t start = at / kRaw.length() * kRaw.length();
  if (start != state.head_start) TRY_VOID(state.begin_block(start));

  state.frame.assign(1, static_cast<char>(kSamples));
  put_varint(state.frame, static_cast<std::uint64_t>(at - start));
  std::int64_t last = 0;
  for (const MetricSample& sample : samples) {
    const auto id = static_cast<std::int64_t>(sample.series);
    if (state.table.find(sample.series) == nullptr)
      return fail(Code::kInvalid, fmt::format("there is no series {}", id));
    if (std::isnan(sample.value)) continue;
    put_zigzag(state.frame, id - last);
    put_fixed(state.frame, sample.value);
    last = id;
  }
  TRY_VOID(state.journal.append(state.frame));
  for (const MetricSample& sample : samples)
    if (!std::isnan(sample.value)) state.apply(at, sample.series, sample.value);
  state.last_time = at;
  return {};
}

void MetricStore::State::apply(std::int64_t time, SeriesId series, double value) {
  const auto id = static_cast<std::size_t>(series);
  if (id >= heads.size()) heads.resize(id + 1);
  Head& head = heads[id];
  if (head.values.empty())
    head.values.assign(static_cast<std::size_t>(kRaw.points),
                       std::numeric_limits<double>::quiet_NaN());
  double& slot = head.values[static_cast<std::size_t>((time - head_start) / kRaw.step)];
  const MetricKind kind = table.find(series)->kind;
  if (!is_counter(kind)) {
    slot = value;
    return;
  }
  const double before = std::exchange(head.total, value);
  const double added = !std::isnan(before)                   ? increase(before, value)
                       : kind == MetricKind::kForeignCounter ? 0
                                                             : value;
  slot = std::isnan(slot) ? added : without_noise(slot + added);
}

// The values so far become a block, and a new one begins. The new journal is there before the old
// one goes: whenever the process dies, no sample is without one of them or the block.
Result<> MetricStore::State::begin_block(std::int64_t start) {
  if (head_start < 0) {
    TRY_VOID(start_journal(start));
    head_start = start;
    return {};
  }
  TRY_VOID(start_journal(start));
  if (auto written = write_head(); !written) {
    // Its journal stays: the block is made when the store is opened again.
    note(written.error().message());
  } else {
    std::error_code error;
    fs::remove(journal_path(head_start), error);
  }
  for (Head& head : heads) head.values.clear();
  head_start = start;
  return {};
}

Result<> MetricStore::State::write_head() {
  const fs::path path = block_path(0, head_start);
  TRY(BlockWriter writer, BlockWriter::create(path, 0, head_start));
  bool empty = true;
  for (std::size_t id = 0; id < heads.size(); ++id) {
    if (heads[id].values.empty()) continue;
    const std::span<const double> column = heads[id].values;
    TRY_VOID(writer.add(static_cast<SeriesId>(id), {&column, 1}));
    empty = false;
  }
  if (!empty) {
    TRY_VOID(writer.finish());
    TRY(auto block, MetricBlock::open(path));
    blocks[0].insert_or_assign(head_start, std::move(block));
  }
  return {};
}

Result<> MetricStore::State::start_journal(std::int64_t start) {
  std::error_code error;
  fs::remove(journal_path(start), error);
  TRY(FrameFile file,
      FrameFile::open(journal_path(start), kJournalMagic, [](auto, auto) { return Result<>(); }));
  TRY_VOID(file.append(totals()));
  journal = std::move(file);
  return {};
}

// A journal's first frame: what counters stood at, for the first differences within it.
std::string MetricStore::State::totals() const {
  std::string payload(1, static_cast<char>(kTotals));
  put_varint(payload, 0);
  std::int64_t last = 0;
  for (std::size_t id = 0; id < heads.size(); ++id) {
    if (std::isnan(heads[id].total)) continue;
    put_zigzag(payload, static_cast<std::int64_t>(id) - last);
    put_fixed(payload, heads[id].total);
    last = static_cast<std::int64_t>(id);
  }
  return payload;
}

void MetricStore::State::note(std::string problem) {
  if (!problems.empty() && problems.back() == problem) return;
  problems.push_back(std::move(problem));
  if (problems.size() > kProblemsKept) problems.pop_front();
}

std::vector<std::string> MetricStore::names() const {
  const std::lock_guard lock(state_->mutex);
  return state_->table.names();
}

std::vector<MetricName> MetricStore::select(const MetricSelector& selector) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<MetricName> found;
  for (const SeriesId id : state_->table.select(selector))
    found.push_back(state_->table.find(id)->name);
  return found;
}

MetricStoreStatus MetricStore::status() const {
  const std::lock_guard lock(state_->mutex);
  MetricStoreStatus status;
  status.series = state_->table.size();
  for (std::size_t level = 0; level < kLevels; ++level) {
    status.blocks[level] = state_->blocks[level].size();
    for (const auto& [start, block] : state_->blocks[level]) status.bytes += block->size();
  }
  status.problems.assign(state_->problems.begin(), state_->problems.end());
  return status;
}

}  // namespace fairlead::observe
