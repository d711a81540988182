#include "supervise/log_book.h"

#include <gmock/gmock.h>

#include "supervise/test_support.h"

namespace fairlead::supervise {
namespace {

class LogBookTest : public ProcessTest {
 protected:
  control::LogOrigin origin_of(std::string_view name) {
    const std::string_view line = "x";
    EXPECT_TRUE(logs->append(name, {&line, 1}, "", 0));
    return kept.lines.back().origin;
  }
};

TEST_F(LogBookTest, TellsReplicaAndRelease) {
  EXPECT_EQ(origin_of("web.1").replica, "web.1");
  EXPECT_EQ(origin_of("web.1").release, "");
  EXPECT_EQ(origin_of("web.1.v3").replica, "web.1");
  EXPECT_EQ(origin_of("web.1.v3").release, "v3");
  EXPECT_EQ(origin_of("web.1.v3").app, "shop");
  EXPECT_EQ(origin_of("some.very").replica, "some.very");
}

TEST_F(LogBookTest, ANoteIsMarkedAsFairleadsOwn) {
  logs->note("web.1", "exit status 3");
  EXPECT_EQ(kept.lines.back().text, "[fairlead: exit status 3]");
}

}  // namespace
}  // namespace fairlead::supervise
