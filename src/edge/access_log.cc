#include "edge/access_log.h"

#include <fcntl.h>

#include <charconv>
#include <future>

#include "telemetry/log.h"

namespace fairlead::edge {

// ---- the file

AccessLog::AccessLog() : writer_("access-log") {}
AccessLog::~AccessLog() = default;

Result<> AccessLog::open(const std::string& path) {
  UniqueFd file;
  if (path == "-") {
    file.reset(::fcntl(1, F_DUPFD_CLOEXEC, 3));
  } else if (!path.empty()) {
    file.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  }
  if (!path.empty() && !file) return fail_errno(fmt::format("open access log '{}'", path));
  path_ = path;
  enabled_.store(!path.empty(), std::memory_order_relaxed);
  std::promise<void> done;
  writer_.submit([&] {
    file_ = std::move(file);
    done.set_value();
  });
  done.get_future().wait();
  return {};
}

Result<> AccessLog::reopen() { return open(std::string(path_)); }

void AccessLog::submit(std::string lines, std::uint64_t records) {
  if (behind_.fetch_add(lines.size(), std::memory_order_relaxed) > kMaxBehind) {
    behind_.fetch_sub(lines.size(), std::memory_order_relaxed);
    dropped_.fetch_add(records, std::memory_order_relaxed);
    return;
  }
  writer_.submit([this, lines = std::move(lines), records] { write(lines, records); });
}

void AccessLog::write(const std::string& lines, std::uint64_t records) {
  std::size_t done = 0;
  while (file_ && done < lines.size()) {
    const ssize_t n = ::write(file_.get(), lines.data() + done, lines.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {  // a full disk must not stop the edge
      dropped_.fetch_add(records, std::memory_order_relaxed);
      break;
    }
    done += static_cast<std::size_t>(n);
  }
  behind_.fetch_sub(lines.size(), std::memory_order_relaxed);
}

// ---- one loop's end

AccessLogBuffer::AccessLogBuffer(io::Loop& loop, AccessLog& log)
    : loop_(loop), log_(log), timer_(loop, [this] { flush(); }) {}

void AccessLogBuffer::add(const AccessRecord& record) {
  if (!log_.enabled()) return;
  if (buffer_.empty()) {
    buffer_.reserve(kFlushAt + 4096);
    timer_.arm(loop_.now() + kFlushAfter);
  }
  stamp(record.time);
  append_access_record(buffer_, record, {stamp_, sizeof stamp_});
  ++records_;
  if (buffer_.size() >= kFlushAt) flush();
}

void AccessLogBuffer::flush() {
  if (buffer_.empty()) return;
  log_.submit(std::exchange(buffer_, {}), std::exchange(records_, 0));
}

// "2026-11-20T13:39:18.123Z"
void AccessLogBuffer::stamp(Instant time) {
  if (stamp_second_ < 0 || time - wall_read_ > 1s) {
    wall_read_ = time;
    wall_offset_ = wall_now().time_since_epoch() - now().time_since_epoch();
  }
  const auto since_epoch = time.time_since_epoch() + wall_offset_;
  const std::int64_t milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  if (milliseconds / 1000 != stamp_second_) {
    stamp_second_ = milliseconds / 1000;
    rfc3339(WallTime(since_epoch)).copy(stamp_, 20);
    stamp_[23] = 'Z';
  }
  const auto rest = static_cast<int>(milliseconds % 1000);
  stamp_[20] = static_cast<char>('0' + rest / 100);
  stamp_[21] = static_cast<char>('0' + rest / 10 % 10);
  stamp_[22] = static_cast<char>('0' + rest % 10);
}

// ---- the line

namespace {

// Letters, digits and what else needs no escape in JSON and is no byte of a longer UTF-8 sequence.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

void append_text(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  const bool plain = std::all_of(value.begin(), value.end(),
                                 [](char c) { return kPlain[static_cast<unsigned char>(c)]; });
  if (plain) {
    out += '"';
    out += value;
    out += '"';
  } else {
    telemetry::append_json_string(out, value);
  }
}

void append_number(std::string& out, std::string_view name, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out += name;
  out.append(digits, end);
}

std::uint64_t microseconds(Duration duration) {
  return static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0)) / 1000;
}

}  // namespace

void append_access_record(std::string& out, const AccessRecord& record, std::string_view time) {
  out.append(R"({"time":")").append(time);
  append_text(out, R"(","request_id":)", record.request_id);
  append_text(out, R"(,"client":)", record.client);
  append_text(out, R"(,"method":)", record.method);
  append_text(out, R"(,"host":)", record.host);
  append_text(out, R"(,"path":)", record.path);
  append_number(out, R"(,"status":)", record.status);
  append_number(out, R"(,"bytes_in":)", record.bytes_in);
  append_number(out, R"(,"bytes_out":)", record.bytes_out);
  append_number(out, R"(,"duration_us":)", microseconds(record.duration));
  append_text(out, R"(,"origin":)", record.origin);
  append_text(out, R"(,"release":)", record.release);
  append_number(out, R"(,"origin_us":)", microseconds(record.origin_time));
  append_number(out, R"(,"retries":)", record.retries);
  append_text(out, R"(,"protocol":)", record.protocol);
  if (!record.tls_version.empty()) append_text(out, R"(,"tls":)", record.tls_version);
  append_text(out, R"(,"route":)", record.route);
  append_text(out, R"(,"user_agent":)", record.user_agent);
  out += "}\n";
}

}  // namespace fairlead::edge
