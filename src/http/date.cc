#include "http/date.h"

#include <array>
#include <span>

#include "base/strings.h"

namespace fairlead::http {

namespace {

using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> kLongDays = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

struct Parts {
  int weekday = 0, day = 0, month = 0, year = 0, hour = 0, minute = 0, second = 0;

  std::optional<sys_seconds> value() const {
    const std::chrono::year_month_day date(std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month + 1)),
                                           std::chrono::day(static_cast<unsigned>(day)));
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: leap
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
  }
};

// Takes a text apart from the left; after the first thing that does not fit everything fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Reader& expect(std::string_view literal) {
    if (rest_.size() < literal.size() || !iequals(rest_.substr(0, literal.size()), literal)) {
      return fail();
    }
    rest_.remove_prefix(literal.size());
    return *this;
  }

  Reader& number(std::size_t digits, int& value) {
    if (rest_.size() < digits) return fail();
    value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return *this;
  }

  // asctime's day: two characters, the first may be a space.
  Reader& padded_day(int& value) {
    if (!rest_.starts_with(' ')) return number(2, value);
    rest_.remove_prefix(1);
    return number(1, value);
  }

  Reader& name(std::span<const std::string_view> names, int& index) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (rest_.size() >= names[i].size() && iequals(rest_.substr(0, names[i].size()), names[i])) {
        index = static_cast<int>(i);
        rest_.remove_prefix(names[i].size());
        return *this;
      }
    }
    return fail();
  }

  // "06 Nov 1994", or with another separator and two digits of the year.
  Reader& day_month_year(std::string_view separator, std::size_t year_digits, Parts& p) {
    number(2, p.day).expect(separator).name(kMonths, p.month);
    return expect(separator).number(year_digits, p.year);
  }

  Reader& time(int& hour, int& minute, int& second) {
    return number(2, hour).expect(":").number(2, minute).expect(":").number(2, second);
  }

  bool at_end() const { return !failed_ && rest_.empty(); }

 private:
  Reader& fail() {
    failed_ = true;
    rest_ = {};
    return *this;
  }
  std::string_view rest_;
  bool failed_ = false;
};

int full_year(int two_digits, sys_seconds now) {
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(now));
  const int this_year = static_cast<int>(today.year());
  const int year = this_year - this_year % 100 + two_digits;
  return year > this_year + 50 ? year - 100 : year;
}

}  // namespace

std::optional<sys_seconds> parse_date(std::string_view text, sys_seconds now) {
  Parts p;
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  if (Reader(text)
          .name(kDays, p.weekday)
          .expect(", ")
          .day_month_year(" ", 4, p)
          .expect(" ")
          .time(p.hour, p.minute, p.second)
          .expect(" GMT")
          .at_end()) {
    return p.value();
  }
  // "Sunday, 06-Nov-94 08:49:37 GMT"
  if (Reader(text)
          .name(kLongDays, p.weekday)
          .expect(", ")
          .day_month_year("-", 2, p)
          .expect(" ")
          .time(p.hour, p.minute, p.second)
          .expect(" GMT")
          .at_end()) {
    p.year = full_year(p.year, now);
    return p.value();
  }
  // "Sun Nov  6 08:49:37 1994"
  if (Reader(text)
          .name(kDays, p.weekday)
          .expect(" ")
          .name(kMonths, p.month)
          .expect(" ")
          .padded_day(p.day)
          .expect(" ")
          .time(p.hour, p.minute, p.second)
          .expect(" ")
          .number(4, p.year)
          .at_end()) {
    return p.value();
  }
  return std::nullopt;
}

}  // namespace fairlead::http
