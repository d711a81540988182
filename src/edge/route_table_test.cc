#include "edge/route_table.h"

#include <gtest/gtest.h>

namespace fairlead::edge {
namespace {

control::Route route(std::string host, std::string prefix) {
  control::Route route;
  route.host = std::move(host);
  route.path_prefix = std::move(prefix);
  return route;
}

// A table over routes it owns, asked with GET unless said otherwise.
class Table {
 public:
  explicit Table(std::vector<control::Route> routes)
      : routes_(std::move(routes)), table_(routes_) {}

  std::optional<std::uint32_t> find(std::string_view host, std::string_view path,
                                    std::string_view method = "GET",
                                    std::vector<http::Field> fields = {}) const {
    http::RequestHead head;
    head.method_text = method;
    head.method = http::method_of(method);
    head.fields = fields;
    return table_.find(host, path, head);
  }

 private:
  std::vector<control::Route> routes_;
  RouteTable table_;
};

TEST(RouteTable, TakesTheHostFirstAndThenTheLongestPrefix) {
  const Table table({route("", "/"), route("a.example", "/"), route("a.example", "/api"),
                     route("a.example", "/api/v2/users"), route("b.example", "/only")});
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
  const Table table({route("", "/api/")});
  EXPECT_EQ(table.find("x", "/api"), 0u);
  EXPECT_EQ(table.find("x", "/api/"), 0u);
  EXPECT_EQ(table.find("x", "/api/x"), 0u);
  EXPECT_EQ(table.find("x", "/apix"), std::nullopt);
  EXPECT_EQ(table.find("x", "/"), std::nullopt);
}

TEST(RouteTable, AStarStandsForOneLabel) {
  const Table table({route("*.example.com", "/"), route("www.example.com", "/shop")});
  EXPECT_EQ(table.find("a.example.com", "/"), 0u);
  EXPECT_EQ(table.find("example.com", "/"), std::nullopt);
  EXPECT_EQ(table.find("a.b.example.com", "/"), std::nullopt);
  EXPECT_EQ(table.find("www.example.com", "/shop"), 1u);
  EXPECT_EQ(table.find("www.example.com", "/"), 0u) << "a host's gaps fall to its pattern";
}

TEST(RouteTable, AnExactPathComesBeforePrefixes) {
  control::Route exact = route("", "/login");
  exact.exact = true;
  const Table table({route("", "/login"), exact});
  EXPECT_EQ(table.find("x", "/login"), 1u);
  EXPECT_EQ(table.find("x", "/login/"), 0u);
  EXPECT_EQ(table.find("x", "/login/x"), 0u);
}

TEST(RouteTable, ConditionsDecideWithinAPlaceAndFallThrough) {
  control::Route posts = route("", "/api");
  posts.methods = {"POST", "PUT"};
  control::Route beta = route("", "/api");
  beta.headers = {{"X-Beta", "yes"}};
  control::Route reads = route("", "/api/only");
  reads.methods = {"GET"};
  const Table table({route("", "/api"), posts, beta, reads});
  EXPECT_EQ(table.find("x", "/api"), 0u);
  EXPECT_EQ(table.find("x", "/api", "POST"), 1u);
  EXPECT_EQ(table.find("x", "/api", "GET", {{"x-beta", "yes"}}), 2u);
  EXPECT_EQ(table.find("x", "/api", "GET", {{"x-beta", "no"}}), 0u);
  EXPECT_EQ(table.find("x", "/api/only", "HEAD"), 3u) << "GET includes HEAD";
  EXPECT_EQ(table.find("x", "/api/only", "POST"), 1u) << "falls through to the shorter prefix";
}

TEST(RouteTable, FindsEachOfTenThousand) {
  std::vector<control::Route> list;
  for (int i = 0; i < 5000; ++i) {
    list.push_back(route(fmt::format("host{}.example", i), "/"));
    list.push_back(route("shared.example", fmt::format("/tenant{}/app", i)));
  }
  const Table table(std::move(list));
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
