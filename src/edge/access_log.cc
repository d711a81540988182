#include "edge/access_log.h"

#include <fcntl.h>

#include <future>
#include <list>

#include "edge/text_writer.h"
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

// Has a byte that JSON text cannot hold as it is, or that may be no UTF-8: control bytes, quote,
// backslash, and all from 0x7f on. Eight bytes at a time.
bool needs_escape(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const auto has_zero = [](std::uint64_t w) { return (w - kEach) & ~w; };
  const std::uint64_t below_space = (word - kEach * 0x20) & ~word;
  const std::uint64_t found = word | below_space | has_zero(word ^ kEach * '"') |
                              has_zero(word ^ kEach * '\\') | has_zero(word ^ kEach * 0x7f);
  return (found & kEach * 0x80) != 0;
}

bool needs_escape(std::string_view text) {
  std::uint64_t word = 0x2020202020202020;
  if (text.size() < sizeof word) {
    std::uint32_t half;
    if (text.size() < sizeof half) {
      for (std::size_t i = 0; i < text.size(); ++i) {
        word = word << 8 | static_cast<unsigned char>(text[i]);
      }
      return needs_escape(word);
    }
    std::memcpy(&half, text.data(), sizeof half);
    word = half;
    std::memcpy(&half, text.data() + text.size() - sizeof half, sizeof half);
    return needs_escape(word << 32 | half);
  }
  const char* const last = text.data() + text.size() - sizeof word;
  for (const char* at = text.data(); at < last; at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    if (needs_escape(word)) return true;
  }
  std::memcpy(&word, last, sizeof word);
  return needs_escape(word);
}

constexpr std::string_view AccessRecord::* kWords[] = {
    &AccessRecord::request_id, &AccessRecord::client,   &AccessRecord::method,
    &AccessRecord::host,       &AccessRecord::path,     &AccessRecord::origin,
    &AccessRecord::release,    &AccessRecord::protocol, &AccessRecord::tls_version,
    &AccessRecord::user_agent, &AccessRecord::route,
};

std::uint64_t microseconds(Duration duration) {
  return static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0)) / 1000;
}

// All words of `record` are as they shall stand between quotes.
void write_line(TextWriter& line, const AccessRecord& record, std::string_view time) {
  line.put(R"({"time":")").put(time);
  line.put(R"(","request_id":")").put(record.request_id);
  line.put(R"(","client":")").put(record.client);
  line.put(R"(","method":")").put(record.method);
  line.put(R"(","host":")").put(record.host);
  line.put(R"(","path":")").put(record.path);
  line.put(R"(","status":)").put_number(record.status);
  line.put(R"(,"bytes_in":)").put_number(record.bytes_in);
  line.put(R"(,"bytes_out":)").put_number(record.bytes_out);
  line.put(R"(,"duration_us":)").put_number(microseconds(record.duration));
  line.put(R"(,"origin":")").put(record.origin);
  line.put(R"(","release":")").put(record.release);
  line.put(R"(","origin_us":)").put_number(microseconds(record.origin_time));
  line.put(R"(,"retries":)").put_number(record.retries);
  line.put(R"(,"protocol":")").put(record.protocol);
  if (!record.tls_version.empty()) line.put(R"(","tls":")").put(record.tls_version);
  line.put(R"(","route":")").put(record.route);
  if (!record.cache.empty()) line.put(R"(","cache":")").put(record.cache);
  line.put(R"(","user_agent":")").put(record.user_agent);
  line.put("\"}\n");
}

}  // namespace

void append_access_record(std::string& out, const AccessRecord& record, std::string_view time) {
  constexpr std::size_t kNamesAndNumbers = 512;
  std::list<std::string> escaped;  // hardly ever any
  AccessRecord safe = record;
  std::size_t room = kNamesAndNumbers + time.size();
  for (std::string_view AccessRecord::* member : kWords) {
    std::string_view& word = safe.*member;
    if (needs_escape(word)) {
      std::string& text = escaped.emplace_back();
      telemetry::append_json_string(text, word);
      word = std::string_view(text).substr(1, text.size() - 2);
    }
    room += word.size();
  }
  append_within(out, room, [&](TextWriter& line) { write_line(line, safe, time); });
}

}  // namespace fairlead::edge
