#include "edge/client_prefix.h"

#include <gtest/gtest.h>

namespace fairlead::edge {
namespace {

std::string written(std::string_view text) {
  const auto prefix = ClientPrefix::parse(text);
  return prefix ? prefix->to_string() : "none";
}

TEST(ClientPrefix, IsAnIpv4AddressOrAnIpv6Network) {
  EXPECT_EQ(written("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(written("2001:db8:1:2:3::9"), "2001:db8:1:2::/64");
  EXPECT_EQ(written("2001:db8:1:2::/64"), "2001:db8:1:2::/64");
  EXPECT_EQ(written("::ffff:192.0.2.1"), "192.0.2.1");
  for (const char* text : {"", "localhost", "192.0.2.256", "192.0.2.0/24", "unix:"})
    EXPECT_EQ(written(text), "none") << text;
}

TEST(ClientPrefix, KnowsLoopback) {
  EXPECT_TRUE(ClientPrefix::parse("127.1.2.3")->is_loopback());
  EXPECT_TRUE(ClientPrefix::parse("::1")->is_loopback());
  EXPECT_FALSE(ClientPrefix::parse("128.0.0.1")->is_loopback());
  EXPECT_FALSE(ClientPrefix::parse("2001:db8::1")->is_loopback());
}

TEST(ClientPrefix, IsTheSameFromASocketAddress) {
  for (const char* host : {"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"}) {
    EXPECT_EQ(ClientPrefix::of(*io::Address::ip(host, 1)), ClientPrefix::parse(host)) << host;
  }
  EXPECT_FALSE(ClientPrefix::of(*io::Address::unix_path("/run/x.sock")));
}

TEST(ClientNumber, TakesAnIpv6NetworkAsOneClient) {
  const auto number = [](std::string_view address) { return client_number("/api", address); };
  EXPECT_EQ(number("2001:db8:1:2::1"), number("2001:db8:1:2:ffff::9"));
  EXPECT_NE(number("2001:db8:1:2::1"), number("2001:db8:1:3::1"));
  EXPECT_NE(number("192.0.2.1"), number("192.0.2.2"));
  EXPECT_NE(client_number("/a", "192.0.2.1"), client_number("/b", "192.0.2.1"));
  EXPECT_EQ(number(""), number("no address"));
}

}  // namespace
}  // namespace fairlead::edge
