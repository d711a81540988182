#include "measurement.h"

#include <gtest/gtest.h>

namespace airdata {
namespace {

std::string shown(std::string_view text) {
  std::string out;
  append_time(out, parse_time(text).value());
  return out;
}

TEST(Time, HasTheFormsOfCsvAndIso) {
  EXPECT_EQ(parse_time("1970-01-01"), 0);
  EXPECT_EQ(shown("2016-10-01 00:00:00.004"), "2016-10-01T00:00:00.004");
  EXPECT_EQ(shown("2016-10-01T23:59:59.123456Z"), "2016-10-01T23:59:59.123456");
  EXPECT_EQ(shown("2016-10-01T12:30"), "2016-10-01T12:30:00.000");
  EXPECT_EQ(shown("1969-12-31T23:59:59.5"), "1969-12-31T23:59:59.500");
  for (const auto* wrong :
       {"", "2016", "2016-02-30", "2016-10-01x", "2016-10-01T", "2016-10-01T24:00",
        "2016-10-01T12:60", "2016-10-01T12:00:00.", "2016-10-01T12:00:00.1234567", "2016-10-01T12",
        "2016-10-01 12:00:00+01:00", "-016-10-01"})
    EXPECT_FALSE(parse_time(wrong)) << wrong;
}

std::string error_of(std::string_view line) {
  Measurement row;
  const auto parsed = parse_row(line, row);
  return parsed ? "" : parsed.error().message();
}

TEST(Row, BecomesJsonAndTheCsvItWas) {
  constexpr std::string_view kLine =
      "2016-10-01 00:00:00.004,aq_salvia,6.80117094260474,48.398337879833704,,-1e-05,0,9.1";
  Measurement row;
  ASSERT_TRUE(parse_row(kLine, row));
  std::string json, csv;
  append_json(json, row);
  append_csv(csv, row);
  EXPECT_EQ(
      json,
      R"({"timestamp":"2016-10-01T00:00:00.004","id_entity":"aq_salvia","so2":6.80117094260474,)"
      R"("no2":48.398337879833704,"co":null,"o3":-1e-05,"pm10":0,"pm2_5":9.1})");
  EXPECT_EQ(csv, std::string(kLine) + "\n");
}

TEST(Row, IsRefusedNamingColumnAndValue) {
  EXPECT_EQ(error_of("2016-10-01,a,1,2,3,4,5,x"), "column pm2_5: 'x' is no number");
  EXPECT_EQ(error_of("2016-10-01,a,nan,2,3,4,5,6"), "column so2: 'nan' is no number");
  EXPECT_EQ(error_of("2016-10-01,a,1,1e999,3,4,5,6"), "column no2: '1e999' is no number");
  EXPECT_EQ(error_of("yesterday,a,1,2,3,4,5,6"), "column TimeInstant: 'yesterday' is no time");
  EXPECT_EQ(error_of("2016-10-01,,1,2,3,4,5,6"), "column id_entity: '' is no name of a station");
  EXPECT_EQ(error_of("2016-10-01,a,1"), "3 columns where 8 are expected: '2016-10-01,a,1'");
  EXPECT_EQ(error_of("2016-10-01,a,1,2,3,4,5,6,7").substr(0, 9), "9 columns");
}

}  // namespace
}  // namespace airdata
