#include "telemetry/log.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cmath>

namespace fairlead::telemetry {

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

namespace {

// How many bytes the well-formed UTF-8 sequence at the start of `text` has (Unicode 15, table 3-7);
// 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    std::size_t length = 1;
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
      append_escaped(out, text[0]);
    } else if (length = utf8_length(text); length > 0) {
      out.append(text, 0, length);
    } else {
      out += "\xef\xbf\xbd";
      length = 1;
    }
    text.remove_prefix(length);
  }
  out += '"';
}

namespace {

struct AppendValue {
  std::string& out;
  void operator()(std::string_view text) const { append_json_string(out, text); }
  void operator()(bool truth) const { out += truth ? "true" : "false"; }
  void operator()(double number) const {
    if (std::isfinite(number)) {
      fmt::format_to(std::back_inserter(out), "{}", number);
    } else {
      out += "null";  // JSON has no infinity
    }
  }
  void operator()(std::integral auto number) const {
    fmt::format_to(std::back_inserter(out), "{}", number);
  }
};

}  // namespace

void append_json_member(std::string& out, const LogField& field) {
  out += ',';
  append_json_string(out, field.name);
  out += ':';
  std::visit(AppendValue{out}, field.value);
}

Log::Log(int fd, Level least, std::initializer_list<LogField> fixed) : fd_(fd), least_(least) {
  for (const auto& field : fixed) append_json_member(fixed_, field);
}

namespace {

// Waits where a pipe is full: the reader decides the pace. False when the descriptor is of no use.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd waiting{fd, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

void Log::write(Level level, std::string_view message, std::span<const LogField> fields) {
  if (!enabled(level)) return;
  const auto time = rfc3339(wall_now());
  const std::scoped_lock lock(mutex_);
  line_.clear();
  line_ += R"({"time":")";
  line_ += time;
  line_ += R"(","level":")";
  line_ += to_string(level);
  line_ += '"';
  line_ += fixed_;
  append_json_member(line_, {"message", message});
  for (const auto& field : fields) append_json_member(line_, field);
  line_ += "}\n";
  if (!write_all(fd_, line_)) dropped_.fetch_add(1, std::memory_order_relaxed);
}

void Log::error(std::string_view message, const Error& why) {
  const auto code = fairlead::to_string(why.code());
  if (why.hint().empty()) {
    error(message, {{"error", why.message()}, {"code", code}});
  } else {
    error(message, {{"error", why.message()}, {"code", code}, {"hint", why.hint()}});
  }
}

}  // namespace fairlead::telemetry
