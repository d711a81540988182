// The cache as clients and origins see it.
#include <gmock/gmock.h>

#include <set>

#include "edge/edge_fixture.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;
using testing::Not;

// Answers each request by what the test says, and counts.
class CountingOrigin {
 public:
  using Answer = std::function<std::string(const std::string& request, int number)>;
  explicit CountingOrigin(Answer answer)
      : origin_([this, answer = std::move(answer)](Peer& peer) {
          for (std::string request; !(request = peer.read_message()).empty();) {
            const std::string response = answer(request, ++requests_);
            if (response.empty()) return;
            peer.write(response);
          }
        }) {}
  std::string address() const { return origin_.address(); }
  int requests() const { return requests_; }
  TestOrigin& origin() { return origin_; }

 private:
  std::atomic<int> requests_ = 0;
  TestOrigin origin_;
};

std::string response(std::string_view fields, std::string_view body,
                     std::string_view status = "200 OK") {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, fields, body.size(),
                     body);
}

control::Snapshot caching(const std::string& origin, control::RouteCache cache = {}) {
  control::Snapshot snapshot = snapshot_of({origin});
  snapshot.routes[0].cache = std::move(cache);
  snapshot.routes[0].cache.enabled = true;
  return snapshot;
}

std::string request(std::string_view path, std::string_view fields = {},
                    std::string_view method = "GET") {
  return fmt::format("{} {} HTTP/1.1\r\nHost: test.example\r\n{}Connection: close\r\n\r\n", method,
                     path, fields);
}

TEST(Cache, AnswersTheSecondRequestItself) {
  CountingOrigin origin([](const std::string&, int n) {
    return response("Cache-Control: max-age=60\r\nSurrogate-Key: a b\r\n",
                    fmt::format("body {}", n));
  });
  RunningEdge edge(caching(origin.address()));
  const std::string first = edge.get("/a");
  EXPECT_THAT(field_of(first, "Cache-Status"), HasSubstr("stored"));
  EXPECT_EQ(field_of(first, "Surrogate-Key"), "");
  const std::string second = edge.get("/a");
  EXPECT_EQ(body_of(second), "body 1");
  EXPECT_THAT(field_of(second, "Cache-Status"), HasSubstr("fairlead; hit; ttl="));
  EXPECT_EQ(field_of(second, "Age"), "0");
  EXPECT_NE(field_of(second, "X-Request-ID"), field_of(first, "X-Request-ID"));
  EXPECT_EQ(body_of(edge.get("/b")), "body 2");
}

TEST(Cache, LeavesRoutesAloneThatDoNotCache) {
  CountingOrigin origin([](const std::string&, int n) {
    return response("Cache-Control: max-age=60\r\n", std::to_string(n));
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  edge.get("/a");
  const std::string second = edge.get("/a");
  EXPECT_EQ(body_of(second), "2");
  EXPECT_EQ(field_of(second, "Cache-Status"), "");
}

TEST(Cache, GivesRoutesALifetimeWhereTheirPathsSaySo) {
  CountingOrigin origin([](const std::string&, int n) { return response("", std::to_string(n)); });
  RunningEdge edge(caching(origin.address(), {.ttl_ms = 60'000, .paths = {"/static/*"}}));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(body_of(edge.get("/static/a")), "1");
  EXPECT_EQ(body_of(edge.get("/a")), "2");
  EXPECT_EQ(body_of(edge.get("/a")), "3");
}

TEST(Cache, AsksTheOriginOnceForMany) {
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  CountingOrigin origin([gate](const std::string&, int) {
    gate.wait();
    return response("Cache-Control: max-age=60\r\n", "slow");
  });
  control::Snapshot snapshot = caching(origin.address());
  RunningEdge edge(snapshot);
  std::vector<Peer> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(edge.connect());
    clients.back().write(request("/slow"));
  }
  go.set_value();
  for (Peer& client : clients) EXPECT_EQ(body_of(client.read_message()), "slow");
  EXPECT_EQ(origin.requests(), 1);
}

TEST(Cache, LetsEverybodyAskForHimselfWhenTheAnswerIsPrivate) {
  CountingOrigin origin([](const std::string&, int n) {
    return response("Cache-Control: private\r\n", std::to_string(n));
  });
  RunningEdge edge(caching(origin.address()));
  std::vector<Peer> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(edge.connect());
    clients.back().write(request("/mine"));
  }
  std::set<std::string> bodies;
  for (Peer& client : clients) bodies.insert(body_of(client.read_message()));
  EXPECT_EQ(bodies.size(), 20u);
}

TEST(Cache, ConditionsRangesAndHeadAreAnsweredFromWhatIsStored) {
  CountingOrigin origin([](const std::string&, int) {
    return response("Cache-Control: max-age=60\r\nETag: \"v1\"\r\n", "0123456789");
  });
  RunningEdge edge(caching(origin.address()));
  edge.get("/a");
  EXPECT_EQ(status_of(edge.ask(request("/a", "If-None-Match: \"v1\"\r\n"))), 304);
  EXPECT_EQ(status_of(edge.ask(request("/a", "If-None-Match: \"v2\"\r\n"))), 200);
  const std::string part = edge.ask(request("/a", "Range: bytes=2-4\r\n"));
  EXPECT_EQ(status_of(part), 206);
  EXPECT_EQ(body_of(part), "234");
  EXPECT_EQ(field_of(part, "Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(status_of(edge.ask(request("/a", "Range: bytes=10-\r\n"))), 416);
  const std::string head = edge.ask(request("/a", {}, "HEAD"));
  EXPECT_EQ(field_of(head, "Content-Length"), "10");
  EXPECT_EQ(body_of(head), "");
  EXPECT_EQ(origin.requests(), 1);
}

TEST(Cache, ClientsConditionsAreAnsweredOnAMissToo) {
  CountingOrigin origin([](const std::string& asked, int) {
    EXPECT_EQ(field_of(asked, "If-None-Match"), "");
    return response("Cache-Control: max-age=60\r\nETag: \"v1\"\r\n", "0123456789");
  });
  RunningEdge edge(caching(origin.address()));
  EXPECT_EQ(status_of(edge.ask(request("/a", "If-None-Match: \"v1\"\r\n"))), 304);
  EXPECT_EQ(body_of(edge.get("/a")), "0123456789");
  EXPECT_EQ(origin.requests(), 1);
}

TEST(Cache, ValidatesWhatIsStaleAndFreshensIt) {
  CountingOrigin origin([](const std::string& asked, int n) -> std::string {
    if (n == 1) return response("Cache-Control: no-cache\r\nETag: \"v\"\r\nX: 1\r\n", "body");
    EXPECT_EQ(field_of(asked, "If-None-Match"), "\"v\"");
    return "HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nCache-Control: max-age=60\r\nX: 2\r\n\r\n";
  });
  RunningEdge edge(caching(origin.address()));
  edge.get("/a");
  for (int i = 0; i < 3; ++i) {
    const std::string answer = edge.get("/a");
    EXPECT_EQ(body_of(answer), "body");
    EXPECT_EQ(field_of(answer, "X"), "2");
  }
  EXPECT_EQ(origin.requests(), 2);
}

TEST(Cache, CoversAFailingOriginWithWhatIsStale) {
  CountingOrigin origin([](const std::string&, int n) -> std::string {
    if (n == 1)
      return response("Cache-Control: max-age=0, stale-if-error=60\r\nETag: \"v\"\r\n", "old");
    if (n == 2) return response("", "broken", "503 Service Unavailable");
    return {};  // closes
  });
  RunningEdge edge(caching(origin.address()));
  edge.get("/a");
  EXPECT_EQ(body_of(edge.get("/a")), "old");
  EXPECT_EQ(body_of(edge.get("/a")), "old");
}

TEST(Cache, MustRevalidateIsNeverServedStale) {
  CountingOrigin origin([](const std::string&, int n) -> std::string {
    if (n == 1)
      return response("Cache-Control: max-age=0, must-revalidate\r\nETag: \"v\"\r\n", "old");
    return {};
  });
  RunningEdge edge(caching(origin.address()));
  edge.get("/a");
  EXPECT_EQ(status_of(edge.get("/a")), 502);
}

TEST(Cache, ServesStaleWhileItAsksBehind) {
  std::promise<void> asked;
  CountingOrigin origin([&asked](const std::string&, int n) {
    if (n == 2) asked.set_value();
    return response(n == 1 ? "Cache-Control: max-age=0, stale-while-revalidate=60\r\n"
                           : "Cache-Control: max-age=60\r\n",
                    std::to_string(n));
  });
  RunningEdge edge(caching(origin.address()));
  edge.get("/a");
  EXPECT_EQ(body_of(edge.get("/a")), "1");
  asked.get_future().wait();
  std::string body;
  while ((body = body_of(edge.get("/a"))) == "1") std::this_thread::yield();
  EXPECT_EQ(body, "2");
  EXPECT_EQ(origin.requests(), 2);
}

TEST(Cache, UnsafeMethodsInvalidate) {
  CountingOrigin origin([](const std::string& asked, int n) {
    const bool post = asked.starts_with("POST");
    return response(post ? "Location: /b\r\n" : "Cache-Control: max-age=60\r\n", std::to_string(n));
  });
  RunningEdge edge(caching(origin.address()));
  EXPECT_EQ(body_of(edge.get("/a")), "1");
  EXPECT_EQ(body_of(edge.get("/b")), "2");
  edge.ask(request("/a", "Content-Length: 0\r\n", "POST"));
  EXPECT_EQ(body_of(edge.get("/a")), "4");
  EXPECT_EQ(body_of(edge.get("/b")), "5");
}

TEST(Cache, PurgesByTag) {
  CountingOrigin origin([](const std::string&, int n) {
    return response("Cache-Control: max-age=60\r\nSurrogate-Key: city-7 all\r\n",
                    std::to_string(n));
  });
  RunningEdge edge(caching(origin.address()));
  EXPECT_EQ(body_of(edge.get("/a")), "1");
  edge.on_loop([](Edge& e) {
    EXPECT_EQ(e.workers().front()->cache().purge_tag("city-7", PurgeMode::kRemove, now()), 1u);
  });
  EXPECT_EQ(body_of(edge.get("/a")), "2");
}

TEST(Cache, LargeBodiesReachSlowClientsWholeFromTheStore) {
  std::string large(6'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i / 1000 % 26);
  CountingOrigin origin([&large](const std::string&, int) {
    return response("Cache-Control: max-age=60\r\n", large);
  });
  RunningEdge edge(caching(origin.address()));
  EXPECT_EQ(body_of(edge.get("/large")), large);
  Peer slow = edge.connect();
  slow.write(request("/large"));
  const std::string head = slow.read_head();
  std::string body;
  while (body.size() < large.size()) {
    const std::string piece = slow.read(100'000);
    ASSERT_FALSE(piece.empty());
    body += piece;
  }
  EXPECT_EQ(body, large);
  EXPECT_EQ(origin.requests(), 1);
}

TEST(Cache, GoesOnStoringWhenTheClientLeaves) {
  std::promise<void> half_sent, client_left;
  TestOrigin origin([&](Peer& peer) {
    peer.read_message();
    peer.write("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\nhalf");
    half_sent.set_value();
    client_left.get_future().wait();
    peer.write("half");
    peer.read_message();
  });
  RunningEdge edge(caching(origin.address()));
  {
    Peer client = edge.connect();
    client.write(request("/a"));
    client.read_head();
    half_sent.get_future().wait();
    client.reset();
  }
  client_left.set_value();
  EXPECT_EQ(body_of(edge.get("/a")), "halfhalf");
  EXPECT_EQ(origin.connections(), 1);
}

}  // namespace
}  // namespace fairlead::edge
