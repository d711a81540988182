#include "birthday.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace hello {
namespace {

Date date(std::string_view text) { return parse_date(text).value(); }
int days(std::string_view birth, std::string_view day) {
  return days_to_birthday(date(birth), date(day));
}

TEST(Date, IsARealDayInOneForm) {
  EXPECT_EQ(format_date(date("2000-02-29")), "2000-02-29");
  EXPECT_EQ(format_date(date("0001-01-01")), "0001-01-01");
  for (const auto* wrong :
       {"", "1999-02-29", "1900-02-29", "2000-13-01", "2000-00-10", "2000-01-00", "2000-04-31",
        "0000-01-01", "2000-1-1", "20000101", "2000-01-01T00:00", "+000-01-01", " 000-01-01",
        "2000/01/01", "-001-01-01"})
    EXPECT_FALSE(parse_date(wrong)) << wrong;
}

TEST(Birthday, IsCountedToTheNextAnniversary) {
  EXPECT_EQ(days("1990-05-17", "2026-05-17"), 0);
  EXPECT_EQ(days("1990-05-17", "2026-05-16"), 1);
  EXPECT_EQ(days("1990-05-17", "2026-05-18"), 364);
  EXPECT_EQ(days("1990-05-17", "2027-05-18"), 365) << "over a 29 February";
  EXPECT_EQ(days("1990-01-01", "2026-12-31"), 1);
  EXPECT_EQ(days("2026-05-17", "2026-05-17"), 0) << "born today";
}

TEST(Birthday, OfThe29thOfFebruaryIsThe1stOfMarchInOtherYears) {
  EXPECT_EQ(days("2000-02-29", "2027-02-28"), 1);
  EXPECT_EQ(days("2000-02-29", "2027-03-01"), 0);
  EXPECT_EQ(days("2000-02-29", "2028-02-28"), 1);
  EXPECT_EQ(days("2000-02-29", "2028-02-29"), 0);
  EXPECT_EQ(days("2000-02-29", "2028-03-01"), 365);
  EXPECT_EQ(days("2000-02-29", "2027-03-02"), 364);
}

TEST(Birthday, TodayIsWhereTheProcessIs) {
  ::setenv("TZ", "Pacific/Kiritimati", 1);  // UTC+14
  ::tzset();
  const Date east = today();
  ::setenv("TZ", "Etc/GMT+12", 1);  // UTC-12
  ::tzset();
  const Date west = today();
  const auto apart = std::chrono::sys_days(east) - std::chrono::sys_days(west);
  EXPECT_TRUE(apart == std::chrono::days(1) || apart == std::chrono::days(2));
}

}  // namespace
}  // namespace hello
