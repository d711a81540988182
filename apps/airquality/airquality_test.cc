#include <gtest/gtest.h>

#include "airvisual.h"
#include "history.h"
#include "place.h"

namespace airquality {
namespace {

fairlead::Result<Place> place(std::string query) {
  fairlead::http::Request request;
  request.query = std::move(query);
  return place_of(request);
}

TEST(Place, IsOnEarth) {
  EXPECT_EQ(place("")->query(), "lat=52&lon=0");
  EXPECT_EQ(place("lat=50.0&lon=-1e0")->query(), "lat=50&lon=-1");
  EXPECT_EQ(place("lat=-0&lon=180")->query(), "lat=0&lon=180");
  for (const auto* wrong : {"lat=90.1", "lat=-91", "lon=180.5", "lat=nan", "lat=inf",
                            "lat=", "lat=1x", "lon=0x1", "lat=%2B1", "lat=1,5"})
    EXPECT_FALSE(place(wrong)) << wrong;
}

TEST(Reading, IsTakenFromTheAnswer) {
  const auto reading = parse_reading(
      R"({"status":"success","data":{"city":"Manchester","current":{"pollution":{"aqius":19}}}})");
  EXPECT_EQ(reading->city, "Manchester");
  EXPECT_EQ(reading->index, 19);
  for (const auto* wrong :
       {"", "[]", "{}", R"({"status":"fail","data":{"message":"city_not_found"}})",
        R"({"status":"success","data":{"city":1,"current":{"pollution":{"aqius":19}}}})",
        R"({"status":"success","data":{"city":"x","current":{"pollution":[]}}})",
        R"({"status":"success","data":{"city":"x","current":{"pollution":{"aqius":"1"}}}})"})
    EXPECT_FALSE(parse_reading(wrong)) << wrong;
}

TEST(Before, IsATimeWithOrWithoutItsId) {
  EXPECT_EQ(parse_before("2018-02-21T15:03:15.123456Z_17")->text(),
            "2018-02-21T15:03:15.123456Z_17");
  EXPECT_EQ(parse_before("2018-02-21T15:03:15.1Z")->text(), "2018-02-21T15:03:15.100000Z_0");
  EXPECT_EQ(parse_before("2018-02-21T15:03:15Z")->text(), "2018-02-21T15:03:15.000000Z_0");
  for (const auto* wrong : {"", "now", "2018-02-30T00:00:00Z", "2018-02-21", "2018-02-21T24:00:00Z",
                            "2018-02-21T15:03:15.123456Z_x", "2018-02-21T15:03:15.123456Z_",
                            "2018-02-21 15:03:15Z", "' OR 1=1"})
    EXPECT_FALSE(parse_before(wrong)) << wrong;
}

}  // namespace
}  // namespace airquality
