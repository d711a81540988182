// Rate limits as clients see them.
#include <gmock/gmock.h>

#include "edge/edge_fixture.h"

namespace fairlead::edge {
namespace {

control::Snapshot limited(const std::string& origin) {
  control::Snapshot snapshot = snapshot_of({origin});
  snapshot.routes[0].limit = {.count = 1, .per_ms = 60'000, .burst = 3};
  return snapshot;
}

const TestOrigin::Serve kOk = TestOrigin::always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

TEST(Limit, AnswersWhoAsksTooOftenItself) {
  TestOrigin origin(kOk);
  RunningEdge edge(limited(origin.address()));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(edge.get("/")), 200);
  const std::string refused = edge.get("/");
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_EQ(field_of(refused, "Retry-After"), "60");
  EXPECT_EQ(field_of(refused, "RateLimit"), "\"route\";r=0;t=60");
  EXPECT_EQ(field_of(refused, "RateLimit-Policy"), "\"route\";q=1;w=60");
}

TEST(Limit, TellsWhatIsLeft) {
  TestOrigin origin(TestOrigin::always(
      "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok"));
  for (const bool cached : {false, true}) {
    control::Snapshot snapshot = limited(origin.address());
    snapshot.routes[0].cache.enabled = cached;
    RunningEdge edge(snapshot);
    for (const char* left : {"2", "1", "0"}) {
      const std::string answer = edge.get("/");
      EXPECT_EQ(status_of(answer), 200);
      EXPECT_EQ(body_of(answer), "ok");
      EXPECT_EQ(field_of(answer, "RateLimit-Policy"), "\"route\";q=1;w=60");
      EXPECT_THAT(field_of(answer, "RateLimit"),
                  testing::StartsWith(fmt::format("\"route\";r={};t=", left)));
    }
  }
}

TEST(Limit, CountsByAFieldWhereTheRouteSaysSo) {
  TestOrigin origin(kOk);
  control::Snapshot snapshot = limited(origin.address());
  snapshot.routes[0].limit.header = "x-api-key";
  RunningEdge edge(snapshot);
  const auto ask = [&](std::string_view key) {
    return status_of(
        edge.ask(fmt::format("GET / HTTP/1.1\r\nHost: h\r\nX-Api-Key: {}\r\n\r\n", key)));
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("one"), 200);
  EXPECT_EQ(ask("one"), 429);
  EXPECT_EQ(ask("two"), 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(edge.get("/")), 200);  // by address
  EXPECT_EQ(status_of(edge.get("/")), 429);
}

TEST(Limit, HoldsForWhatTheCacheAnswersToo) {
  TestOrigin origin(TestOrigin::always(
      "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok"));
  control::Snapshot snapshot = limited(origin.address());
  snapshot.routes[0].cache.enabled = true;
  RunningEdge edge(snapshot);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(edge.get("/")), 200);
  EXPECT_EQ(status_of(edge.get("/")), 429);
}

TEST(Limit, TellsClientsBehindATrustedProxyApart) {
  TestOrigin origin(kOk);
  control::Snapshot snapshot = limited(origin.address());
  snapshot.trusted_proxies = {"127.0.0.0/8"};
  RunningEdge edge(snapshot);
  const auto ask = [&](std::string_view client) {
    return status_of(
        edge.ask(fmt::format("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {}\r\n\r\n", client)));
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("192.0.2.1"), 200);
  EXPECT_EQ(ask("192.0.2.1"), 429);
  EXPECT_EQ(ask("192.0.2.2"), 200);
}

TEST(Limit, LeavesOtherRoutesAlone) {
  TestOrigin origin(kOk);
  control::Snapshot snapshot = limited(origin.address());
  snapshot.routes.push_back(snapshot.routes[0]);
  snapshot.routes[1].path_prefix = "/free";
  snapshot.routes[1].limit = {};
  RunningEdge edge(snapshot);
  for (int i = 0; i < 3; ++i) edge.get("/");
  EXPECT_EQ(status_of(edge.get("/")), 429);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status_of(edge.get("/free")), 200);
}

}  // namespace
}  // namespace fairlead::edge
