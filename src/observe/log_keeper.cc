// Opening the store, and the thread that keeps it: syncs, seals, deletes.
#include <fcntl.h>

#include <filesystem>

#include "base/file.h"
#include "base/strings.h"
#include "observe/log_store_state.h"

namespace fairlead::observe {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kProblemsKept = 20;
constexpr Duration kRetrySeal = 10s;

fs::path segment_path(const fs::path& folder, std::uint64_t first, std::string_view extension) {
  return folder / fmt::format("{:020}{}", first, extension);
}

std::uint64_t first_of(const fs::path& path) {
  return parse_unsigned(path.stem().string()).value_or(0);
}

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::open(LogStoreOptions options) {
  TRY_VOID(make_directories(options.folder, 0750));
  auto state = std::make_unique<State>(std::move(options));
  TRY_VOID(state->open());
  state->keeper = std::thread([s = state.get()] { s->keep(); });
  return std::unique_ptr<LogStore>(new LogStore(std::move(state)));
}

LogStore::~LogStore() {
  {
    const std::lock_guard lock(state_->mutex);
    (void)state_->flush();  // nobody is left to be told; what was not flushed was not promised
    state_->ending = true;
  }
  state_->wake_keeper.notify_all();
  state_->keeper.join();
}

Result<> LogStore::State::open() {
  std::vector<fs::path> sealed_paths, raw_paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options.folder, error)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".tmp") fs::remove(path, error);  // a seal that was not finished
    if (first_of(path) == 0) continue;
    if (path.extension() == ".log") sealed_paths.push_back(path);
    if (path.extension() == ".raw") raw_paths.push_back(path);
  }
  if (error) return fail(Code::kSystem, options.folder.string() + ": " + error.message());
  std::ranges::sort(sealed_paths);
  std::ranges::sort(raw_paths);
  for (const fs::path& path : sealed_paths) {
    if (auto opened = open_sealed(path); !opened) {
      note(opened.error().message());
      continue;
    }
    // Sealed, but the process died before it took the raw form away.
    std::erase_if(raw_paths, [&](const fs::path& raw) {
      return raw.stem() == path.stem() && fs::remove(raw, error);
    });
  }
  TRY_VOID(open_raw(raw_paths));
  TRY_VOID(write_positions(*active));
  frame.restart(active->next());
  return {};
}

Result<> LogStore::State::open_sealed(const fs::path& path) {
  TRY(auto segment, SealedSegment::open(path));
  sealed.push_back(std::move(segment));
  return {};
}

// The last one goes on being written, the others are to be sealed.
Result<> LogStore::State::open_raw(const std::vector<fs::path>& paths) {
  const auto on_position = [&](std::string_view source, std::uint64_t position) {
    if (position == 0)
      positions.erase(std::string(source));
    else
      positions.insert_or_assign(std::string(source), position);
  };
  std::uint64_t next = sealed.empty() ? 1 : sealed.back()->end();
  for (const fs::path& path : paths) {
    auto segment = RawSegment::open(path, std::max(first_of(path), next), on_position);
    if (!segment) {
      note(segment.error().message());
      next = std::max(next, first_of(path) + 1);
      continue;
    }
    if (segment->cut() > 0)
      note(fmt::format("{}: a torn tail of {} bytes was cut off", path.string(), segment->cut()));
    if (active && !active->empty()) closed.push_back(active);
    active = std::make_shared<RawSegment>(*std::move(segment));
    next = active->next();
  }
  if (active && active->next() >= next) return {};
  if (active && !active->empty()) closed.push_back(active);
  TRY(auto segment,
      RawSegment::open(segment_path(options.folder, next, ".raw"), next, on_position));
  active = std::make_shared<RawSegment>(std::move(segment));
  return {};
}

// What later segments need to know of earlier ones, which will be deleted some day.
Result<> LogStore::State::write_positions(RawSegment& segment) {
  if (positions.empty()) return {};
  FrameBuilder checkpoint(segment.next());
  for (const auto& [source, position] : positions) checkpoint.position(source, position);
  return segment.append(checkpoint, 0, 0, 0);
}

// A frame that waits to be flushed belongs to `active`: called with none.
Result<> LogStore::State::rotate() {
  if (active->empty()) return {};
  const std::uint64_t next = active->next();
  TRY(auto segment, RawSegment::open(segment_path(options.folder, next, ".raw"), next,
                                     [](std::string_view, std::uint64_t) {}));
  TRY_VOID(write_positions(segment));
  closed.push_back(active);
  active = std::make_shared<RawSegment>(std::move(segment));
  frame.restart(next);
  wake_keeper.notify_all();
  return {};
}

void LogStore::State::note(std::string problem) {
  if (!problems.empty() && problems.back() == problem) return;
  problems.push_back(std::move(problem));
  if (problems.size() > kProblemsKept) problems.pop_front();
}

void LogStore::State::keep() {
  std::unique_lock lock(mutex);
  while (!ending) {
    const bool to_seal = !closed.empty() && now() >= retry_seal;
    if (!to_seal) wake_keeper.wait_for(lock, options.sync_interval);
    if (ending) return;
    sync_active(lock);
    if (!active->empty() && now() - active->opened() >= options.segment_age && flush())
      if (auto rotated = rotate(); !rotated) note(rotated.error().message());
    if (seal_oldest(lock)) sealed_one.notify_all();
    delete_old();
  }
}

void LogStore::State::sync_active(std::unique_lock<std::mutex>& lock) {
  if (!dirty) return;
  dirty = false;
  const auto segment = active;  // stays open, whatever happens to it meanwhile
  lock.unlock();
  const int failed = ::fdatasync(segment->fd());
  lock.lock();
  if (failed != 0) note(Error::system("the log could not be synced").message());
}

// True when somebody who waits for seals should look again.
bool LogStore::State::seal_oldest(std::unique_lock<std::mutex>& lock) {
  if (closed.empty() || now() < retry_seal) return false;
  const auto raw = closed.front();
  const auto view = raw->view();
  lock.unlock();
  fs::path path = raw->path();
  path.replace_extension(".log");
  Result<std::shared_ptr<const SealedSegment>> segment;
  if (auto done = seal(*view, path); done)
    segment = SealedSegment::open(path);
  else
    segment = fail(done.error());
  lock.lock();
  if (!segment) {
    note(segment.error().message());
    retry_seal = now() + kRetrySeal;
    return true;
  }
  sealed.push_back(*std::move(segment));
  closed.pop_front();
  std::error_code error;
  fs::remove(raw->path(), error);
  return true;
}

std::uint64_t LogStore::State::bytes() const {
  std::uint64_t sum = active->size();
  for (const auto& segment : sealed) sum += segment->size();
  for (const auto& segment : closed) sum += segment->size();
  return sum;
}

void LogStore::State::delete_old() {
  std::uint64_t size = bytes();
  const WallTime oldest = wall_now() - options.max_age;
  while (!sealed.empty() && (size > options.quota || sealed.front()->sealed() < oldest)) {
    std::error_code error;
    if (!fs::remove(sealed.front()->path(), error) && error)
      return note(sealed.front()->path().string() + ": " + error.message());
    size -= sealed.front()->size();
    sealed.erase(sealed.begin());
  }
}

}  // namespace fairlead::observe
