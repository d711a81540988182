#include <charconv>

#include "base/strings.h"
#include "observe/log_line.h"

namespace fairlead::observe {
namespace {

// Walks over one JSON text. Lenient in what a value may look like, strict in where it ends: what it
// does not understand ends the walk, and the line counts as plain.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool take(char c) {
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  // The text between the quotes, escapes left as they are.
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const char* const begin = at_;
    for (; at_ != end_; ++at_) {
      if (*at_ == '"') return std::string_view(begin, static_cast<std::size_t>(at_++ - begin));
      if (*at_ == '\\' && ++at_ == end_) break;
    }
    return std::nullopt;
  }
  // A number, true, false or null.
  std::string_view word() {
    skip_space();
    const char* const begin = at_;
    while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && !is_space(*at_)) ++at_;
    return {begin, static_cast<std::size_t>(at_ - begin)};
  }
  // An object or a list, whatever is in it.
  bool skip_nested() {
    int depth = 0;
    while (at_ != end_) {
      if (*at_ == '"') {
        if (!string()) return false;
        continue;
      }
      const char c = *at_++;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
  }
  char peek() {
    skip_space();
    return at_ == end_ ? '\0' : *at_;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  void skip_space() {
    while (at_ != end_ && is_space(*at_)) ++at_;
  }
  const char* at_;
  const char* end_;
};

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int n = 0;
  for (char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + (c - '0');
  }
  return n;
}

// RFC 3339, and its relatives with a space for the T or without a zone (taken as UTC).
std::optional<WallTime> parse_date_time(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // The years that fit nanoseconds in 64 bits.
  if (!date.ok() || *year < 1971 || *year > 2260 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  Duration offset =
      std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
  std::size_t at = 19;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    std::int64_t unit = 100'000'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
      offset += Duration((text[at] - '0') * unit);
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const auto zone_hours = digits(text, at + 1, 2);
    const auto zone_minutes =
        digits(text, at + 3 + (text.size() > at + 3 && text[at + 3] == ':' ? 1 : 0), 2);
    if (!zone_hours || !zone_minutes) return std::nullopt;
    const Duration zone = std::chrono::hours(*zone_hours) + std::chrono::minutes(*zone_minutes);
    offset -= text[at] == '-' ? -zone : zone;
  }
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + offset);
}

// Seconds, milliseconds, microseconds or nanoseconds since 1970: told apart by their size.
std::optional<WallTime> parse_unix_time(std::string_view text) {
  double n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || !(n > 1e8)) return std::nullopt;
  const double to_nanoseconds = n < 1e11 ? 1e9 : n < 1e14 ? 1e6 : n < 1e17 ? 1e3 : 1;
  const double nanoseconds = n * to_nanoseconds;
  if (!(nanoseconds < 9e18)) return std::nullopt;
  return WallTime(Duration(static_cast<std::int64_t>(nanoseconds)));
}

std::optional<Level> parse_level(std::string_view text) {
  using enum Level;
  static constexpr std::pair<std::string_view, Level> kNames[] = {
      {"info", kInfo},   {"warn", kWarn},      {"warning", kWarn}, {"error", kError},
      {"debug", kDebug}, {"trace", kDebug},    {"notice", kInfo},  {"err", kError},
      {"fatal", kError}, {"critical", kError}, {"crit", kError},   {"panic", kError},
      {"alert", kError}, {"emergency", kError}};
  for (const auto& [name, level] : kNames)
    if (iequals(text, name)) return level;
  // Numbers as bunyan and pino use them: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
  if (const auto n = parse_unsigned(text); n && *n >= 10 && *n <= 60)
    return *n < 30 ? kDebug : *n < 40 ? kInfo : *n < 50 ? kWarn : kError;
  return std::nullopt;
}

enum class Field { kNone, kTime, kLevel, kStatus, kRequest };

Field field_of(std::string_view name) {
  switch (name.empty() ? '\0' : name[0]) {
    case '@':
      return name == "@timestamp" ? Field::kTime : Field::kNone;
    case 't':
      return name == "time" || name == "ts" || name == "timestamp" ? Field::kTime : Field::kNone;
    case 'l':
      return name == "level" || name == "lvl" ? Field::kLevel : Field::kNone;
    case 's':
      if (name == "severity") return Field::kLevel;
      return name == "status" || name == "status_code" || name == "statusCode" ? Field::kStatus
                                                                               : Field::kNone;
    case 'r':
      return name == "request_id" || name == "requestId" || name == "req_id" ? Field::kRequest
                                                                             : Field::kNone;
    case 'x':
      return name == "x_request_id" || name == "x-request-id" ? Field::kRequest : Field::kNone;
    default:
      return Field::kNone;
  }
}

void take_field(LogFields& fields, Field field, std::string_view value, bool quoted) {
  switch (field) {
    case Field::kNone:
      break;
    case Field::kTime:
      fields.time = quoted ? parse_date_time(value) : parse_unix_time(value);
      break;
    case Field::kLevel:
      fields.level = parse_level(value);
      break;
    case Field::kStatus:
      if (const auto n = parse_unsigned(value); n && *n >= 100 && *n <= 599)
        fields.status = static_cast<std::uint16_t>(*n);
      break;
    case Field::kRequest:
      if (quoted && value.size() <= 200) fields.request_id = value;
      break;
  }
}

}  // namespace

LogFields parse_fields(std::string_view line) {
  LogFields fields;
  JsonWalk walk(line);
  if (!walk.take('{')) return {};
  if (walk.take('}')) return {};
  do {
    const auto name = walk.string();
    if (!name || !walk.take(':')) return {};
    const Field field = field_of(*name);
    switch (walk.peek()) {
      case '"': {
        const auto value = walk.string();
        if (!value) return {};
        take_field(fields, field, *value, true);
        break;
      }
      case '{':
      case '[':
        if (!walk.skip_nested()) return {};
        break;
      default: {
        const std::string_view value = walk.word();
        if (value.empty()) return {};
        take_field(fields, field, value, false);
      }
    }
  } while (walk.take(','));
  if (!walk.take('}') || walk.peek() != '\0') return {};
  return fields;
}

}  // namespace fairlead::observe
