#include "edge/route_table.h"

#include <gtest/gtest.h>

namespace fairlead::edge {
namespace {

std::vector<control::Route> routes(
    std::initializer_list<std::pair<const char*, const char*>> places) {
  std::vector<control::Route> list;
  for (auto [host, prefix] : places) list.push_back({host, prefix, "pool", 0});
  return list;
}

TEST(RouteTable, TakesTheHostFirstAndThenTheLongestPrefix) {
  const auto list = routes({{"", "/"},
                            {"a.example", "/"},
                            {"a.example", "/api"},
                            {"a.example", "/api/v2/users"},
                            {"b.example", "/only"}});
  const RouteTable table(list);
  EXPECT_EQ(table.find("a.example", "/"), 1u);
  EXPECT_EQ(table.find("a.example", "/other"), 1u);
  EXPECT_EQ(table.find("a.example", "/api"), 2u);
  EXPECT_EQ(table.find("a.example", "/api/v2"), 2u);
  EXPECT_EQ(table.find("a.example", "/api/v2/users/7"), 3u);
  EXPECT_EQ(table.find("c.example", "/api"), 0u);
  EXPECT_EQ(table.find("b.example", "/only/this"), 4u);
  EXPECT_EQ(table.find("b.example", "/else"), 0u) << "a host's gaps belong to every host's routes";
}

TEST(RouteTable, MatchesWholeSegmentsOnly) {
  const auto list = routes({{"", "/api/"}});
  const RouteTable table(list);
  EXPECT_EQ(table.find("x", "/api"), 0u);
  EXPECT_EQ(table.find("x", "/api/"), 0u);
  EXPECT_EQ(table.find("x", "/api/x"), 0u);
  EXPECT_EQ(table.find("x", "/apix"), std::nullopt);
  EXPECT_EQ(table.find("x", "/"), std::nullopt);
}

TEST(RouteTable, FindsEachOfTenThousand) {
  std::vector<control::Route> list;
  for (int i = 0; i < 5000; ++i) {
    list.push_back({fmt::format("host{}.example", i), "/", "pool", 0});
    list.push_back({"shared.example", fmt::format("/tenant{}/app", i), "pool", 0});
  }
  const RouteTable table(list);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(table.find(fmt::format("host{}.example", i), "/any/path"), 2 * i);
    ASSERT_EQ(table.find("shared.example", fmt::format("/tenant{}/app/x", i)), 2 * i + 1);
  }
}

TEST(NormalizedPath, LeavesOneSpellingOfAPath) {
  std::string scratch;
  const auto normal = [&](std::string_view path) {
    return std::string(normalized_path(path, scratch));
  };
  EXPECT_EQ(normal("/plain/path.html"), "/plain/path.html");
  EXPECT_EQ(normal("/a/../admin"), "/admin");
  EXPECT_EQ(normal("/a/%2e%2E/admin"), "/admin");
  EXPECT_EQ(normal("/%61dmin"), "/admin");
  EXPECT_EQ(normal("/../../x"), "/x");
  EXPECT_EQ(normal("//admin///x"), "/admin/x");
  EXPECT_EQ(normal("/a/./b/."), "/a/b/");
  EXPECT_EQ(normal("/a/b/.."), "/a/");
  EXPECT_EQ(normal("/a%2fb"), "/a%2fb") << "an escaped slash is not a separator";
  EXPECT_EQ(normal("/a%zz%2"), "/a%zz%2");
  EXPECT_EQ(normal("/.hidden"), "/.hidden");
  EXPECT_EQ(normal("/.."), "/");
}

TEST(NormalizedHost, IsLowerCaseWithoutTheRootsDot) {
  std::string scratch;
  EXPECT_EQ(normalized_host("Shop.Example.", scratch), "shop.example");
  EXPECT_EQ(normalized_host("shop.example", scratch), "shop.example");
}

}  // namespace
}  // namespace fairlead::edge
