#include "edge/address_set.h"

#include <gtest/gtest.h>

namespace fairlead::edge {
namespace {

TEST(AddressSet, HoldsNetworksOfBothFamilies) {
  const auto set = AddressSet::parse({"10.0.0.0/8", "192.0.2.7", "fd00::/9", "0.0.0.0/32"});
  ASSERT_TRUE(set);
  EXPECT_TRUE(set->contains("10.255.0.1"));
  EXPECT_FALSE(set->contains("11.0.0.1"));
  EXPECT_TRUE(set->contains("192.0.2.7"));
  EXPECT_FALSE(set->contains("192.0.2.6"));
  EXPECT_TRUE(set->contains("fd7f::1"));
  EXPECT_FALSE(set->contains("fd80::1"));
  EXPECT_FALSE(set->contains("not an address"));
  EXPECT_FALSE(set->contains(""));
  EXPECT_TRUE(set->contains(*io::Address::parse("10.1.2.3:80")));
  EXPECT_TRUE(set->contains(*io::Address::parse("[::ffff:10.1.2.3]:80")))
      << "an IPv4 client of an IPv6 socket";
  EXPECT_FALSE(set->contains(*io::Address::parse("unix:/run/x.sock")));
}

TEST(AddressSet, OfEverything) {
  const auto set = AddressSet::parse({"0.0.0.0/0"});
  ASSERT_TRUE(set);
  EXPECT_TRUE(set->contains("203.0.113.9"));
  EXPECT_FALSE(set->contains("2001:db8::1"));
}

TEST(AddressSet, NamesWhatItCannotRead) {
  for (const char* bad : {"10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "localhost"}) {
    const auto set = AddressSet::parse({bad});
    ASSERT_FALSE(set) << bad;
    EXPECT_NE(set.error().message().find(bad), std::string::npos);
  }
}

}  // namespace
}  // namespace fairlead::edge
