// Access records: one JSON line per exchange.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "io/loop.h"
#include "io/worker.h"

namespace fairlead::edge {

// What is told about one exchange. Views live as long as the call.
struct AccessRecord {
  Instant time;  // when it ended
  std::string_view request_id;
  std::string_view client;
  std::string_view method;
  std::string_view host;
  std::string_view path;   // without the query, which may hold secrets
  std::uint16_t status;    // 499: the client did not wait
  std::uint64_t bytes_in;  // bodies
  std::uint64_t bytes_out;
  Duration duration;  // request head read to end of response
  std::string_view origin;
  std::string_view release;
  Duration origin_time;  // request sent to response head
  unsigned retries;
  std::string_view protocol;
  std::string_view tls_version;
  std::string_view user_agent;
  std::string_view route;
  std::string_view cache;  // "hit", "stale", "revalidated", "miss"; "" past the cache
};

// The file, shared by all loops. A thread of its own writes to it, so that a slow disk never holds
// up a loop; when it falls behind by more than kMaxBehind, records are dropped and counted.
class AccessLog {
 public:
  static constexpr std::size_t kMaxBehind = 16 << 20;

  AccessLog();
  ~AccessLog();

  // Opens `path` for appending ("-" is stdout, "" ends logging). Waits for the writer.
  Result<> open(const std::string& path);
  // Opens the same path again, after somebody has moved the file.
  Result<> reopen();
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  // Whole lines, written in the order given by each thread. Any thread.
  void submit(std::string lines, std::uint64_t records);
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void write(const std::string& lines, std::uint64_t records);
  std::string path_;
  UniqueFd file_;  // the writer's
  std::atomic<bool> enabled_ = false;
  std::atomic<std::size_t> behind_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  io::Worker writer_;
};

// One loop's end of the log: gathers records and hands them over when kFlushAt bytes have come
// together, or kFlushAfter has passed since the first.
class AccessLogBuffer {
 public:
  static constexpr std::size_t kFlushAt = 64 << 10;
  static constexpr Duration kFlushAfter = 100ms;

  AccessLogBuffer(io::Loop& loop, AccessLog& log);
  void add(const AccessRecord& record);
  void flush();

 private:
  void stamp(Instant time);
  io::Loop& loop_;
  AccessLog& log_;
  std::string buffer_;
  std::uint64_t records_ = 0;
  io::Timer timer_;
  // The text of the last time stamp, to change only what differs in the next.
  char stamp_[24] = {};
  std::int64_t stamp_second_ = -1;
  Duration wall_offset_{};  // wall clock minus steady clock, read anew each second
  Instant wall_read_{};
};

// Appends the line for `record` (with '\n'), stamped with `time` (RFC 3339).
void append_access_record(std::string& out, const AccessRecord& record, std::string_view time);

}  // namespace fairlead::edge
