// Access records: one line per exchange.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "control/snapshot.h"
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
  std::string_view trace;  // the trace's ID; "" without one
  std::string_view user_agent;
  std::string_view referer;
  std::string_view route;
  std::string_view cache;  // "hit", "stale", "revalidated", "miss"; "" past the cache
};

// How lines are put into syslog's messages, one datagram each.
enum class SyslogForm : std::uint8_t {
  kNone,   // a file
  kLocal,  // /dev/log: priority and tag
  kRemote  // RFC 5424 over UDP (RFC 5426)
};

// The file, shared by all loops. A thread of its own writes to it, so that a slow disk never holds
// up a loop; when it falls behind by more than kMaxBehind, records are dropped and counted.
class AccessLog {
 public:
  static constexpr std::size_t kMaxBehind = 16 << 20;

  AccessLog();
  ~AccessLog();

  // Opens `path` for appending ("-" is stdout, "" ends logging), or a socket to syslog ("syslog"
  // for this machine's, "syslog:HOST:PORT" for another's). Waits for the writer.
  Result<> open(const std::string& path,
                control::AccessLogFormat format = control::AccessLogFormat::kJson);
  // Opens the same path again, after somebody has moved the file.
  Result<> reopen();
  bool enabled() const { return enabled_.load(std::memory_order_relaxed); }
  control::AccessLogFormat format() const { return format_.load(std::memory_order_relaxed); }
  // Whole lines, written in the order given by each thread. Any thread.
  void submit(std::string lines, std::uint64_t records);
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void write(const std::string& lines, std::uint64_t records);
  bool write_all(std::string_view bytes);
  bool send_each(std::string_view lines);
  std::string path_;
  UniqueFd file_;           // the writer's
  SyslogForm syslog_ = {};  // the writer's
  std::atomic<control::AccessLogFormat> format_ = control::AccessLogFormat::kJson;
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

// Appends the line for `record` (with '\n') as JSON, stamped with `time` (RFC 3339).
void append_access_record(std::string& out, const AccessRecord& record, std::string_view time);
// The same as Common Log or, with `combined`, Combined Log; `time` is RFC 3339 in UTC.
void append_common_log(std::string& out, const AccessRecord& record, std::string_view time,
                       bool combined);

}  // namespace fairlead::edge
