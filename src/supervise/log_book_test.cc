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

TEST_F(LogBookTest, SecretsAreNotKept) {
  logs->hide({"hunter22", "hunter22-and-more", "abc"});
  logs->note("web.1", "hunter22, hunter22-and-more and abc");
  EXPECT_EQ(kept.lines.back().text, "[fairlead: ***, *** and abc]");
  const std::string_view line = "key=hunter22hunter22";
  EXPECT_TRUE(logs->append("web.1", {&line, 1}, "", 0));
  EXPECT_EQ(kept.lines.back().text, "key=******");
}

}  // namespace
}  // namespace fairlead::supervise
