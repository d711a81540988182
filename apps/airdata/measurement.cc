#include "measurement.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>

#include "telemetry/log.h"

namespace airdata {

using namespace fairlead;

namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kDay = 86'400 * kSecond;
constexpr std::size_t kMaxStation = 200;

// The two or four digits at the front, taken off; -1 if there are none.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// ".004" as microseconds; -1 for anything but one to six digits.
Micros take_fraction(std::string_view& text) {
  Micros micros = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
    micros = micros * 10 + (text[digits] - '0');
  if (digits == 0 || digits > 6) return -1;
  text.remove_prefix(digits);
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

std::optional<Micros> parse_time_of_day(std::string_view text) {
  const int hours = take_digits(text, 2);
  if (!take(text, ':')) return std::nullopt;
  const int minutes = take_digits(text, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  Micros micros = (hours * 60 + minutes) * 60 * kSecond;
  if (take(text, ':')) {
    const int seconds = take_digits(text, 2);
    if (seconds < 0 || seconds > 59) return std::nullopt;
    const Micros fraction = take(text, '.') ? take_fraction(text) : 0;
    if (fraction < 0) return std::nullopt;
    micros += seconds * kSecond + fraction;
  }
  take(text, 'Z');
  if (!text.empty()) return std::nullopt;
  return micros;
}

}  // namespace

std::optional<Micros> parse_time(std::string_view text) {
  const int year = take_digits(text, 4);
  if (year < 0 || !take(text, '-')) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 0 || !take(text, '-')) return std::nullopt;
  const int day = take_digits(text, 2);
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(std::max(day, 0))));
  if (!date.ok()) return std::nullopt;
  const Micros midnight = std::chrono::sys_days(date).time_since_epoch().count() * kDay;
  if (text.empty()) return midnight;
  if (!take(text, 'T') && !take(text, ' ')) return std::nullopt;
  const auto time = parse_time_of_day(text);
  if (!time) return std::nullopt;
  return midnight + *time;
}

void append_time(std::string& out, Micros time, char separator) {
  const Micros days = time >= 0 ? time / kDay : (time - kDay + 1) / kDay;
  const Micros rest = time - days * kDay;
  const std::chrono::year_month_day date(
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days))));
  const auto seconds = rest / kSecond;
  const auto fraction = rest % kSecond;
  auto end = fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}.",
                            static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                            static_cast<unsigned>(date.day()), separator, seconds / 3600,
                            seconds / 60 % 60, seconds % 60);
  if (fraction % 1000 == 0) {
    fmt::format_to(end, "{:03}", fraction / 1000);
  } else {
    fmt::format_to(end, "{:06}", fraction);
  }
}

namespace {

std::unexpected<Error> bad(std::string_view column, std::string_view value,
                           std::string_view expected) {
  return fail(Code::kInvalid,
              fmt::format("column {}: '{}' is {}", column, value.substr(0, 100), expected));
}

}  // namespace

Result<> parse_row(std::string_view line, Measurement& row) {
  std::array<std::string_view, 2 + kValues.size()> fields;
  std::size_t count = 0;
  for (std::string_view rest = line;; ++count) {
    const auto comma = rest.find(',');
    if (count < fields.size()) fields[count] = rest.substr(0, comma);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (++count != fields.size())
    return fail(Code::kInvalid, fmt::format("{} columns where {} are expected: '{}'", count,
                                            fields.size(), line.substr(0, 100)));
  const auto time = parse_time(fields[0]);
  if (!time) return bad("TimeInstant", fields[0], "no time");
  row.time = *time;
  const auto station = fields[1];
  if (station.empty() || station.size() > kMaxStation ||
      station.find_first_of(std::string_view("\"\0\r", 3)) != std::string_view::npos)
    return bad("id_entity", station, "no name of a station");
  row.station = station;
  for (std::size_t i = 0; i < kValues.size(); ++i) {
    const auto text = fields[i + 2];
    row.values[i].reset();
    if (text.empty()) continue;  // not measured
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
      return bad(kValues[i], text, "no number");
    row.values[i] = value;
  }
  return {};
}

void append_json(std::string& out, const Measurement& row) {
  out += R"({"timestamp":")";
  append_time(out, row.time);
  out += R"(","id_entity":)";
  telemetry::append_json_string(out, row.station);
  for (std::size_t i = 0; i < kValues.size(); ++i) {
    out.append(",\"").append(kValues[i]).append("\":");
    if (row.values[i]) {
      fmt::format_to(std::back_inserter(out), "{}", *row.values[i]);
    } else {
      out += "null";
    }
  }
  out += '}';
}

void append_csv(std::string& out, const Measurement& row) {
  append_time(out, row.time, ' ');
  out.append(",").append(row.station);
  for (const auto& value : row.values) {
    out += ',';
    if (value) fmt::format_to(std::back_inserter(out), "{}", *value);
  }
  out += '\n';
}

}  // namespace airdata
