#include "http/url.h"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

TEST(Url, HasHostPortAndPath) {
  const auto url = parse_url("X", "https://[::1]:8443/a/").value();
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.path, "/a");
  EXPECT_EQ(url.authority(), "[::1]:8443");
  EXPECT_EQ(parse_url("X", "http://api.example.org")->authority(), "api.example.org");
  for (const auto* wrong :
       {"", "ftp://h", "http://", "http://h:x", "http://:80", "http://u@h", "http://h?q"})
    EXPECT_FALSE(parse_url("X", wrong)) << wrong;
}

}  // namespace
}  // namespace fairlead::http
