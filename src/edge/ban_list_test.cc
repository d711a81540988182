#include "edge/ban_list.h"

#include <gtest/gtest.h>

namespace fairlead::edge {
namespace {

const WallTime kStart = std::chrono::floor<std::chrono::seconds>(wall_now());
const ClientPrefix kClient = *ClientPrefix::parse("192.0.2.1");

TEST(BanList, HoldsUntilItsTimeIsOver) {
  BanList bans;
  EXPECT_TRUE(bans.empty());
  bans.add(kClient, "login", 60s, kStart);
  EXPECT_TRUE(bans.contains(kClient, kStart + 59s));
  EXPECT_FALSE(bans.contains(kClient, kStart + 60s));
  EXPECT_FALSE(bans.contains(*ClientPrefix::parse("192.0.2.2"), kStart));
}

TEST(BanList, LastsTwiceAsLongEachTimeThatComesSoon) {
  BanList bans;
  WallTime time = kStart;
  for (const Duration length : {60s, 120s, 240s}) {
    const Ban ban = bans.add(kClient, "login", 60s, time);
    EXPECT_EQ(ban.until - ban.since, length);
    time = ban.until + 1s;
  }
  // Forgotten after four times its length.
  const Ban ban = bans.add(kClient, "login", 60s, time + 4 * 240s);
  EXPECT_EQ(ban.times, 1u);
  EXPECT_EQ(ban.until - ban.since, 60s);
}

TEST(BanList, NeverLastsLongerThanTheLongest) {
  BanList bans;
  WallTime time = kStart;
  Ban ban;
  for (int i = 0; i < 40; ++i) {
    ban = bans.add(kClient, "login", 1h, time);
    time = ban.until;
  }
  EXPECT_EQ(ban.until - ban.since, BanList::kLongest);
}

TEST(BanList, AFurtherOffenceWhileBannedMakesItNoShorter) {
  BanList bans;
  bans.add(kClient, "by hand", 1h, kStart);
  EXPECT_EQ(bans.add(kClient, "login", 60s, kStart + 1s).until, kStart + 1h);
  EXPECT_EQ(bans.current(kStart + 1s).size(), 1u);
}

TEST(BanList, LiftingForgets) {
  BanList bans;
  EXPECT_FALSE(bans.lift(kClient, kStart));
  bans.add(kClient, "login", 60s, kStart);
  EXPECT_TRUE(bans.lift(kClient, kStart));
  EXPECT_FALSE(bans.contains(kClient, kStart));
  EXPECT_EQ(bans.add(kClient, "login", 60s, kStart).times, 1u);
}

TEST(BanList, OutlivesARestart) {
  BanList before;
  before.add(kClient, "login", 60s, kStart - 70s);
  before.add(kClient, "login", 60s, kStart);
  before.add(*ClientPrefix::parse("2001:db8::1"), "\"by\" hand", 1h, kStart);
  before.add(*ClientPrefix::parse("192.0.2.9"), "login", 1s, kStart - 1h);
  BanList after;
  ASSERT_TRUE(after.load(before.save(kStart), kStart));
  const auto all = after.current(kStart + 1s);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(after.save(kStart), before.save(kStart));
  EXPECT_TRUE(after.contains(*ClientPrefix::parse("2001:db8::ffff"), kStart));
  EXPECT_EQ(after.add(kClient, "login", 60s, kStart + 121s).times, 3u);
  EXPECT_FALSE(after.load("{}", kStart));
}

TEST(BanList, HoldsSoManyAndNoMore) {
  BanList bans;
  for (std::size_t i = 0; i < BanList::kMax + 1000; ++i) {
    const auto client =
        ClientPrefix::parse(fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255));
    bans.add(*client, "scan", 60s + std::chrono::milliseconds(i), kStart);
  }
  EXPECT_EQ(bans.current(kStart).size(), BanList::kMax);
  EXPECT_FALSE(bans.contains(*ClientPrefix::parse("10.0.0.0"), kStart));  // would end first
  EXPECT_TRUE(bans.contains(*ClientPrefix::parse("10.1.0.0"), kStart));
}

}  // namespace
}  // namespace fairlead::edge
