#include "edge/access_log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <list>

#include "base/strings.h"
#include "edge/text_writer.h"
#include "io/address.h"
#include "telemetry/log.h"

namespace fairlead::edge {

// ---- the file

AccessLog::AccessLog() : writer_("access-log") {}
AccessLog::~AccessLog() = default;

namespace {

// "syslog" or "syslog:HOST:PORT".
Result<UniqueFd> connect_to_syslog(std::string_view where) {
  const auto colon = where.find(':');
  const bool local = colon == std::string_view::npos;
  TRY(const io::Address address,
      local ? io::Address::unix_path("/dev/log") : io::Address::parse(where.substr(colon + 1)));
  UniqueFd socket(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  if (::connect(socket.get(), address.data(), address.size()) != 0)
    return fail_errno(fmt::format("connect to syslog at {}", address.to_string()));
  return socket;
}

std::string host_name() {
  char name[256] = "-";
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

Result<> AccessLog::open(const std::string& path, control::AccessLogFormat format) {
  UniqueFd file;
  SyslogForm syslog = SyslogForm::kNone;
  if (path == "syslog" || path.starts_with("syslog:")) {
    TRY(file, connect_to_syslog(path));
    syslog = path == "syslog" ? SyslogForm::kLocal : SyslogForm::kRemote;
  } else if (path == "-") {
    file.reset(::fcntl(1, F_DUPFD_CLOEXEC, 3));
  } else if (!path.empty()) {
    file.reset(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
  }
  if (!path.empty() && !file) return fail_errno(fmt::format("open access log '{}'", path));
  path_ = path;
  format_.store(format, std::memory_order_relaxed);
  enabled_.store(!path.empty(), std::memory_order_relaxed);
  std::promise<void> done;
  writer_.submit([&] {
    file_ = std::move(file);
    syslog_ = syslog;
    done.set_value();
  });
  done.get_future().wait();
  return {};
}

Result<> AccessLog::reopen() { return open(std::string(path_), format()); }

void AccessLog::submit(std::string lines, std::uint64_t records) {
  if (behind_.fetch_add(lines.size(), std::memory_order_relaxed) > kMaxBehind) {
    behind_.fetch_sub(lines.size(), std::memory_order_relaxed);
    dropped_.fetch_add(records, std::memory_order_relaxed);
    return;
  }
  writer_.submit([this, lines = std::move(lines), records] { write(lines, records); });
}

// A full disk, or a syslog that is gone, must not stop the edge.
void AccessLog::write(const std::string& lines, std::uint64_t records) {
  const bool written = syslog_ == SyslogForm::kNone ? write_all(lines) : send_each(lines);
  if (!written) dropped_.fetch_add(records, std::memory_order_relaxed);
  behind_.fetch_sub(lines.size(), std::memory_order_relaxed);
}

bool AccessLog::write_all(std::string_view bytes) {
  while (file_ && !bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Facility local0, severity informational.
bool AccessLog::send_each(std::string_view lines) {
  static const std::string host = host_name();
  const std::string head = syslog_ == SyslogForm::kLocal
                               ? fmt::format("<134>fairlead[{}]: ", ::getpid())
                               : fmt::format("<134>1 {} {} fairlead {} access - ",
                                             rfc3339(wall_now()), host, ::getpid());
  bool all = true;
  for (const std::string_view line : split(lines, '\n')) {
    if (line.empty()) continue;
    const std::string message = head + std::string(line);
    all = ::send(file_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0 && all;
  }
  return all;
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
  const std::string_view time(stamp_, sizeof stamp_);
  if (log_.format() == control::AccessLogFormat::kJson) {
    append_access_record(buffer_, record, time);
  } else {
    append_common_log(buffer_, record, time, log_.format() == control::AccessLogFormat::kCombined);
  }
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
    &AccessRecord::user_agent, &AccessRecord::route,    &AccessRecord::trace,
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
  if (!record.trace.empty()) line.put(R"(","trace":")").put(record.trace);
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

namespace {

// A word between quotes, with what would end or forge a line written as \xHH.
void append_quoted(std::string& out, std::string_view word) {
  for (const char c : word) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      fmt::format_to(std::back_inserter(out), "\\x{:02X}", static_cast<unsigned char>(c));
    else
      out += c;
  }
}

// "2026-11-20T13:39:18.123Z" as "20/Nov/2026:13:39:18 +0000".
std::string common_time(std::string_view time) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::uint64_t month = parse_unsigned(time.substr(5, 2)).value_or(1);
  return fmt::format("{}/{}/{}:{} +0000", time.substr(8, 2), kMonths.substr((month - 1) * 3, 3),
                     time.substr(0, 4), time.substr(11, 8));
}

}  // namespace

void append_common_log(std::string& out, const AccessRecord& record, std::string_view time,
                       bool combined) {
  out.append(record.client.empty() ? "-" : record.client).append(" - - [");
  out.append(common_time(time)).append("] \"");
  append_quoted(out, record.method);
  out += ' ';
  append_quoted(out, record.path);
  fmt::format_to(std::back_inserter(out), " {}\" {} {}", record.protocol, record.status,
                 record.bytes_out);
  if (combined) {
    for (const std::string_view word : {record.referer, record.user_agent}) {
      out += " \"";
      append_quoted(out, word.empty() ? "-" : word);
      out += '"';
    }
  }
  out += '\n';
}

}  // namespace fairlead::edge
