// Structured logs: one JSON object per line, one write per line, so that lines of threads and
// processes that share a pipe never mix.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/error.h"

namespace fairlead::telemetry {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };
std::string_view to_string(Level level);  // "debug", "info", "warn", "error"

// One member of a log line. A view: it lives as long as the call that logs it.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text)
      : name(field_name), value(std::string_view(text)) {}
  LogField(std::string_view field_name, const char* text)
      : name(field_name), value(std::string_view(text)) {}
  LogField(std::string_view field_name, bool truth) : name(field_name), value(truth) {}
  LogField(std::string_view field_name, double number) : name(field_name), value(number) {}
  template <std::signed_integral T>
  LogField(std::string_view field_name, T number)
      : name(field_name), value(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view field_name, T number)
      : name(field_name), value(static_cast<std::uint64_t>(number)) {}
  // As seconds, the unit of OpenMetrics.
  LogField(std::string_view field_name, Duration duration)
      : name(field_name), value(std::chrono::duration<double>(duration).count()) {}

  std::string_view name;
  Value value;
};

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so that
// a line is valid JSON whatever a client sent.
void append_json_string(std::string& out, std::string_view text);
// Appends ,"name":value
void append_json_member(std::string& out, const LogField& field);

// Writes lines to a descriptor that it does not own. Thread-safe. A line that cannot be written is
// dropped and counted: logging never fails its caller.
class Log {
 public:
  // `fixed` stands in every line after time and level: {"service":"visitors","replica":"web.1"}.
  explicit Log(int fd = 1, Level least = Level::kInfo, std::initializer_list<LogField> fixed = {});
  Log(const Log&) = delete;

  bool enabled(Level level) const { return level >= least_; }
  // {"time":"2026-11-20T13:39:18.123456Z","level":"info",<fixed>,"message":"…",<fields>}
  void write(Level level, std::string_view message, std::span<const LogField> fields);

  using Fields = std::initializer_list<LogField>;
  void debug(std::string_view message, Fields fields = {}) {
    write(Level::kDebug, message, {fields.begin(), fields.size()});
  }
  void info(std::string_view message, Fields fields = {}) {
    write(Level::kInfo, message, {fields.begin(), fields.size()});
  }
  void warn(std::string_view message, Fields fields = {}) {
    write(Level::kWarn, message, {fields.begin(), fields.size()});
  }
  void error(std::string_view message, Fields fields = {}) {
    write(Level::kError, message, {fields.begin(), fields.size()});
  }
  // With "error", "code" and, where there is one, "hint".
  void error(std::string_view message, const Error& why);

  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  int fd_;
  Level least_;
  std::string fixed_;
  std::mutex mutex_;
  std::string line_;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace fairlead::telemetry
