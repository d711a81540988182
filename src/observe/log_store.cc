#include "observe/log_store.h"

#include <ranges>

#include "observe/log_store_state.h"

namespace fairlead::observe {
namespace {

// A frame this large is written even if nobody flushes.
constexpr std::size_t kFlushAt = 128 << 10;
constexpr std::size_t kLargestAppend = kLargestFrame / 2;

std::int64_t microseconds(WallTime time) {
  return std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
}

// With a filter that cannot be read, every block has to be looked at.
BlockSet candidates_or_all(const LogSearch& search, const SegmentView& segment, LogPage& page) {
  auto found = search.candidates(segment);
  if (found) return *std::move(found);
  page.problems.push_back(found.error().message());
  return BlockSet(segment.blocks().size(), true);
}

}  // namespace

LogStore::LogStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

StreamId LogStore::stream(const LogLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  const auto [at, is_new] =
      state_->stream_ids.try_emplace(labels, static_cast<StreamId>(state_->streams.size()));
  if (is_new) state_->streams.push_back(std::make_shared<const LogLabels>(labels));
  return at->second;
}

Result<> LogStore::append(std::span<const NewLine> lines, std::optional<Mark> mark) {
  std::size_t size = 0;
  for (const NewLine& line : lines) size += line.text.size() + 64;
  if (size > kLargestAppend)
    return fail(Code::kTooLarge, fmt::format("{} bytes of log lines at once", size));

  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.frame.size() + size > kFlushAt && !state.frame.empty()) TRY_VOID(state.flush());
  const std::int64_t arrival = microseconds(wall_now());
  for (const NewLine& line : lines) {
    const auto& labels = state.streams[static_cast<std::size_t>(line.stream)];
    const std::uint64_t stream = state.active->stream_number(labels, state.frame);
    std::string_view rest = line.text;
    do {
      const std::string_view text = rest.substr(0, kLongestLine);
      rest.remove_prefix(text.size());
      const LogFields fields = parse_fields(text);
      const std::int64_t time = fields.time ? microseconds(*fields.time) : arrival;
      state.frame.line(stream, time, fields, text);
      ++state.frame_lines;
      state.frame_earliest = std::min(state.frame_earliest, time);
      state.frame_latest = std::max(state.frame_latest, time);
    } while (!rest.empty());
  }
  if (mark) {
    state.frame.position(mark->source, mark->position);
    state.frame_marks.insert_or_assign(std::string(mark->source), mark->position);
  }
  return {};
}

Result<> LogStore::append_text(StreamId stream, std::string_view text, std::optional<Mark> mark) {
  std::vector<NewLine> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back({stream, text.substr(0, end)});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return append(lines, mark);
}

Result<> LogStore::flush() {
  bool brought_lines = false;
  {
    const std::lock_guard lock(state_->mutex);
    TRY_VOID(state_->flush());
    brought_lines = std::exchange(state_->unannounced, false);
  }
  if (brought_lines) {
    const std::lock_guard lock(state_->watch_mutex);
    for (const auto& [id, wake] : state_->watches) wake();
  }
  return {};
}

Result<> LogStore::State::flush() {
  if (frame.empty()) return {};
  TRY_VOID(active->append(frame, frame_lines, frame_earliest, frame_latest));
  for (auto& [source, position] : frame_marks) {
    if (position == 0)
      positions.erase(source);
    else
      positions.insert_or_assign(source, position);
  }
  frame_marks.clear();
  unannounced |= frame_lines > 0;
  frame_lines = 0;
  frame_earliest = INT64_MAX;
  frame_latest = INT64_MIN;
  dirty = true;
  frame.restart(active->next());
  if (active->size() >= options.segment_size) {
    // Lines are safe in the segment there is: it grows until another can be made.
    if (auto rotated = rotate(); !rotated) note(rotated.error().message());
  }
  return {};
}

std::uint64_t LogStore::position(std::string_view source) const {
  const std::lock_guard lock(state_->mutex);
  const auto at = state_->positions.find(source);
  return at == state_->positions.end() ? 0 : at->second;
}

void LogStore::forget(std::string_view source) {
  const std::lock_guard lock(state_->mutex);
  state_->frame.position(source, 0);
  state_->frame_marks.insert_or_assign(std::string(source), 0);
}

std::vector<std::shared_ptr<const SegmentView>> LogStore::State::segments() const {
  std::vector<std::shared_ptr<const SegmentView>> all(sealed.begin(), sealed.end());
  for (const auto& segment : closed) all.push_back(segment->view());
  all.push_back(active->view());
  return all;
}

LogPage LogStore::newest(const LogQuery& query, std::uint64_t before) const {
  std::vector<std::shared_ptr<const SegmentView>> segments;
  {
    const std::lock_guard lock(state_->mutex);
    segments = state_->segments();
  }
  const LogSearch search(query);
  LogPage page;
  std::vector<LogLine> found;
  for (const auto& segment : std::views::reverse(segments)) {
    if (segment->blocks().empty() || segment->first() >= before) continue;
    const BlockSet candidates = candidates_or_all(search, *segment, page);
    for (std::size_t i = segment->blocks().size(); i-- > 0;) {
      const Block& block = segment->blocks()[i];
      if (!candidates.has(i) || block.first >= before) continue;
      if (now() >= query.give_up) {
        page.next = block.end();
        return page;
      }
      found.clear();
      if (auto searched = search.search(*segment, block, 0, before, found); !searched)
        page.problems.push_back(searched.error().message());
      for (auto& line : std::views::reverse(found)) {
        page.lines.push_back(std::move(line));
        if (page.lines.size() < query.limit) continue;
        page.next = page.lines.back().sequence;
        return page;
      }
    }
  }
  return page;
}

LogPage LogStore::following(const LogQuery& query, std::uint64_t after) const {
  std::vector<std::shared_ptr<const SegmentView>> segments;
  {
    const std::lock_guard lock(state_->mutex);
    segments = state_->segments();
  }
  const LogSearch search(query);
  LogPage page;
  page.next = after;
  for (const auto& segment : segments) {
    if (segment->end() <= after + 1) continue;
    const BlockSet candidates = candidates_or_all(search, *segment, page);
    for (std::size_t i = 0; i < segment->blocks().size(); ++i) {
      const Block& block = segment->blocks()[i];
      if (block.end() <= after + 1) continue;
      if (now() >= query.give_up) return page;
      if (candidates.has(i)) {
        if (auto searched = search.search(*segment, block, after, UINT64_MAX, page.lines);
            !searched)
          page.problems.push_back(searched.error().message());
        if (page.lines.size() >= query.limit) {
          page.lines.resize(query.limit);
          page.next = page.lines.back().sequence;
          return page;
        }
      }
      page.next = block.end() - 1;
    }
  }
  return page;
}

LogStore::Watch LogStore::watch(std::function<void()> wake) {
  const std::lock_guard lock(state_->watch_mutex);
  const std::uint64_t id = state_->next_watch++;
  state_->watches.emplace(id, std::move(wake));
  // The handle owns nothing; its deleter takes the watch out.
  return {nullptr, [state = state_.get(), id](void*) {
            const std::lock_guard watch_lock(state->watch_mutex);
            state->watches.erase(id);
          }};
}

Result<> LogStore::seal_all() {
  TRY_VOID(flush());
  std::unique_lock lock(state_->mutex);
  if (!state_->active->empty()) TRY_VOID(state_->rotate());
  state_->sealed_one.wait(lock,
                          [&] { return state_->closed.empty() || state_->retry_seal > now(); });
  if (!state_->closed.empty()) return fail(Code::kUnavailable, state_->problems.back());
  return {};
}

LogStoreStatus LogStore::status() const {
  const std::lock_guard lock(state_->mutex);
  const State& state = *state_;
  LogStoreStatus status;
  status.next_sequence = state.active->next() + state.frame_lines;
  status.oldest_sequence = !state.sealed.empty()   ? state.sealed.front()->first()
                           : !state.closed.empty() ? state.closed.front()->view()->first()
                                                   : state.active->view()->first();
  if (status.oldest_sequence == 0) status.oldest_sequence = state.active->next();
  status.bytes = state.bytes();
  status.unsealed = state.closed.size() + 1;
  status.segments = state.sealed.size() + status.unsealed;
  status.problems.assign(state.problems.begin(), state.problems.end());
  return status;
}

}  // namespace fairlead::observe
