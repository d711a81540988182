// The log: every line of every replica, edge, service and of control itself, in one append-only
// store on disk. Lines are numbered in the order in which they come; they are there after a crash
// as soon as flush() has returned, can be searched from then on, and stay until the quota or their
// age takes them.
//
// Blocking file I/O, thread-safe. Appending costs about a microsecond a line and never waits for a
// search, for compression, or for the disk to sync: a thread of the store's own seals, syncs and
// deletes. Searches take milliseconds to a second: run them on an io::Worker.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "observe/log_query.h"

namespace fairlead::observe {

struct LogStoreOptions {
  std::filesystem::path folder;
  std::uint64_t quota = 4ull << 30;  // bytes on disk; the oldest segments go first
  Duration max_age = std::chrono::hours(24 * 30);
  std::uint64_t segment_size = 64 << 20;         // of lines; sealed when it is reached …
  Duration segment_age = std::chrono::hours(6);  // … or when the segment is that old
  Duration sync_interval = 1s;                   // a power cut loses at most this
};

// Names a LogLabels within the running store.
enum class StreamId : std::uint32_t {};

struct NewLine {
  StreamId stream;
  std::string_view text;  // without its line end
};

// How far the source of lines (a FIFO's spool file, the edge's access log) has been read. It is
// stored together with the lines, whole or not at all: a reader that goes on from position() after
// a crash neither loses a line nor brings one twice.
struct Mark {
  std::string_view source;
  std::uint64_t position = 0;
};

struct LogStoreStatus {
  std::uint64_t next_sequence = 1;  // what the next line will get
  std::uint64_t oldest_sequence = 1;
  std::uint64_t bytes = 0;  // on disk
  std::size_t segments = 0;
  std::size_t unsealed = 0;           // raw segments, the one being written included
  std::vector<std::string> problems;  // damaged segments left out, seals that failed
};

class LogStore {
 public:
  // Opens the folder, or makes it. Torn tails are cut; a sealed segment that cannot be read is left
  // alone and named in status().
  static Result<std::unique_ptr<LogStore>> open(LogStoreOptions options);
  ~LogStore();  // flushes

  StreamId stream(const LogLabels& labels);

  // Takes the lines and the mark together. They are on their way: flush() says when they are there.
  // A line above kLongestLine is cut into several. Fails like flush(), which it does by itself when
  // much has come together; then nothing of this call was taken.
  static constexpr std::size_t kLongestLine = 256 << 10;
  Result<> append(std::span<const NewLine> lines, std::optional<Mark> mark = std::nullopt);
  // The lines of `text`, each ended by '\n' (the last may lack it).
  Result<> append_text(StreamId stream, std::string_view text,
                       std::optional<Mark> mark = std::nullopt);
  // After it the lines survive the death of the process, and searches find them. When it fails (a
  // full disk) the lines are kept, and the next call tries again.
  Result<> flush();

  // The last mark of a source that was flushed, or 0.
  std::uint64_t position(std::string_view source) const;
  // The source is gone for good.
  void forget(std::string_view source);

  // Matches with a sequence below `before`, newest first.
  LogPage newest(const LogQuery& query, std::uint64_t before = UINT64_MAX) const;
  // Matches with a sequence above `after`, oldest first. `next` is always set: call again from it.
  LogPage following(const LogQuery& query, std::uint64_t after) const;

  // Calls `wake` after each flush that brought lines, on the flushing thread, until the handle is
  // destroyed (which waits for a call in progress).
  using Watch = std::shared_ptr<void>;
  [[nodiscard]] Watch watch(std::function<void()> wake);

  // Seals what is being written and waits until every segment is sealed: for benchmarks and before
  // copying the folder.
  Result<> seal_all();
  LogStoreStatus status() const;

 private:
  struct State;
  explicit LogStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::observe
