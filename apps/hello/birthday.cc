#include "birthday.h"

#include <fmt/format.h>

#include <ctime>

#include "base/strings.h"

namespace hello {

using namespace std::chrono;

std::optional<Date> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto y = fairlead::parse_unsigned(text.substr(0, 4));
  const auto m = fairlead::parse_unsigned(text.substr(5, 2));
  const auto d = fairlead::parse_unsigned(text.substr(8, 2));
  if (!y || *y == 0 || !m || !d) return std::nullopt;
  const Date date(year(static_cast<int>(*y)), month(static_cast<unsigned>(*m)),
                  day(static_cast<unsigned>(*d)));
  if (!date.ok()) return std::nullopt;
  return date;
}

std::string format_date(Date date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

Date today() {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return Date(year(local.tm_year + 1900), month(static_cast<unsigned>(local.tm_mon + 1)),
              day(static_cast<unsigned>(local.tm_mday)));
}

namespace {

sys_days anniversary(Date birth, year in) {
  const Date date(in, birth.month(), birth.day());
  return date.ok() ? sys_days(date) : sys_days(in / March / 1);
}

}  // namespace

int days_to_birthday(Date birth, Date day) {
  sys_days next = anniversary(birth, day.year());
  if (next < sys_days(day)) next = anniversary(birth, day.year() + years(1));
  return static_cast<int>((next - sys_days(day)).count());
}

}  // namespace hello
