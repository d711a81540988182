// The inside of LogStore: what log_store.cc (lines in, searches out) and log_keeper.cc (opening,
// sealing, syncing, deleting) share. Included by nobody else.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "observe/log_store.h"

namespace fairlead::observe {

struct LogStore::State {
  explicit State(LogStoreOptions o) : options(std::move(o)) {}

  // Opening, in log_keeper.cc.
  Result<> open();
  Result<> open_sealed(const std::filesystem::path& path);
  Result<> open_raw(const std::vector<std::filesystem::path>& paths);

  // With `mutex` held.
  Result<> flush();
  Result<> rotate();
  Result<> write_positions(RawSegment& segment);
  std::vector<std::shared_ptr<const SegmentView>> segments() const;
  void note(std::string problem);

  // The keeper's thread.
  void keep();
  void sync_active(std::unique_lock<std::mutex>& lock);
  bool seal_oldest(std::unique_lock<std::mutex>& lock);
  void delete_old();
  std::uint64_t bytes() const;

  const LogStoreOptions options;

  mutable std::mutex mutex;
  std::vector<LabelsPtr> streams;  // by StreamId
  std::map<LogLabels, StreamId> stream_ids;
  std::map<std::string, std::uint64_t, std::less<>> positions;  // flushed

  // What has been appended since the last flush.
  FrameBuilder frame{1};
  std::uint64_t frame_lines = 0;
  std::int64_t frame_earliest = INT64_MAX, frame_latest = INT64_MIN;
  std::map<std::string, std::uint64_t, std::less<>> frame_marks;  // 0: forgotten

  // Oldest first: sealed, then closed (to be sealed), then active.
  std::vector<std::shared_ptr<const SealedSegment>> sealed;
  std::deque<std::shared_ptr<RawSegment>> closed;
  std::shared_ptr<RawSegment> active;
  bool unannounced = false;  // lines were flushed that watches were not told of
  bool dirty = false;        // something was flushed that is not synced
  std::deque<std::string> problems;

  std::mutex watch_mutex;
  std::map<std::uint64_t, std::function<void()>> watches;
  std::uint64_t next_watch = 0;

  std::condition_variable wake_keeper;
  std::condition_variable sealed_one;
  bool ending = false;
  Instant retry_seal{};  // not before, after a failure
  std::thread keeper;
};

}  // namespace fairlead::observe
