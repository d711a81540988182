// What passes through the edge when nothing goes wrong.
#include <gmock/gmock.h>

#include <set>

#include "edge/edge_fixture.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

// Answers each request with what it looked like.
void echo(Peer& peer) {
  for (std::string message; !(message = peer.read_message()).empty();) {
    peer.write(
        fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", message.size(), message));
  }
}

TEST(Proxy, PassesARequestAndItsAnswer) {
  TestOrigin origin(echo);
  RunningEdge edge(snapshot_of({origin.address()}));
  const std::string answer =
      edge.ask("PUT /a?b HTTP/1.1\r\nHost: shop\r\nX-Kept: 1\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_NE(field_of(answer, "X-Request-ID"), "");
  const std::string seen = body_of(answer);
  EXPECT_THAT(seen, testing::StartsWith("PUT /a?b HTTP/1.1\r\nHost: shop\r\n"));
  EXPECT_EQ(field_of(seen, "X-Kept"), "1");
  EXPECT_EQ(field_of(seen, "X-Forwarded-For"), "127.0.0.1");
  EXPECT_EQ(field_of(seen, "X-Request-ID"), field_of(answer, "X-Request-ID"));
  EXPECT_EQ(body_of(seen), "abc");
}

TEST(Proxy, ServesManyRequestsOnOneConnectionOverOneOriginConnection) {
  TestOrigin origin(echo);
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 20; ++i) {
    client.write(fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", i));
    EXPECT_THAT(client.read_message(), HasSubstr(fmt::format("GET /{} HTTP", i)));
  }
  EXPECT_EQ(origin.connections(), 1);
}

TEST(Proxy, AnswersPipelinedRequestsInOrder) {
  TestOrigin origin(echo);
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  std::string requests;
  for (int i = 0; i < 300; ++i) {
    requests += i % 3 == 0
                    ? fmt::format("POST /{} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", i)
                    : fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", i);
  }
  std::thread writer([&] { client.write(requests); });
  for (int i = 0; i < 300; ++i) {
    ASSERT_THAT(client.read_message(), HasSubstr(fmt::format(" /{} HTTP", i)));
  }
  writer.join();
}

TEST(Proxy, SurvivesThousandsOfPipelinedRequestsThatItAnswersItself) {
  control::Snapshot snapshot = snapshot_of({});
  snapshot.routes.clear();
  RunningEdge edge(snapshot);
  Peer client = edge.connect();
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += kGet;
  std::thread writer([&] { client.write(requests); });
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(status_of(client.read_message()), 404);
  writer.join();
}

TEST(Proxy, PassesChunksAndTrailersBothWays) {
  TestOrigin origin([](Peer& peer) {
    peer.read_head();
    const std::string data = peer.read_chunked();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (char c : data) peer.write(fmt::format("1;x=y\r\n{}\r\n", c));
    peer.write("0\r\n" + peer.trailers + "X-More: 1\r\n\r\n");
    peer.read_head();
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;ext\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n");
  EXPECT_EQ(field_of(client.read_head(), "Transfer-Encoding"), "chunked");
  EXPECT_EQ(client.read_chunked(), "hello world");
  EXPECT_EQ(client.trailers, "X-Sum: 7\r\nX-More: 1\r\n");
}

TEST(Proxy, GivesAnOldClientABodyThatEndsWithTheConnection) {
  TestOrigin origin(TestOrigin::always(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
  const std::string answer = client.read_to_end();
  EXPECT_EQ(field_of(answer, "Transfer-Encoding"), "");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  EXPECT_EQ(body_of(answer), "abc");
}

TEST(Proxy, KeepsAnOldClientsConnectionIfItAsks) {
  TestOrigin origin(TestOrigin::always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 2; ++i) {
    client.write("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(field_of(client.read_message(), "Connection"), "keep-alive");
  }
}

TEST(Proxy, FramesABodyThatEndsWithTheOriginsConnection) {
  TestOrigin origin([](Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\n\r\npart one,");
    peer.write(" part two");
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 2; ++i) {
    client.write(kGet);
    EXPECT_EQ(body_of(client.read_message()), "part one, part two");
  }
}

TEST(Proxy, KnowsAnswersWithoutBodies) {
  TestOrigin origin([](Peer& peer) {
    for (std::string head; !(head = peer.read_head()).empty();) {
      if (head.starts_with("HEAD")) {
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
      } else if (head.find("/204") != std::string::npos) {
        peer.write("HTTP/1.1 204 No Content\r\n\r\n");
      } else if (head.find("/304") != std::string::npos) {
        peer.write("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n");
      } else {
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    }
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(field_of(client.read_head(), "Content-Length"), "1000");
  client.write("GET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(status_of(client.read_head()), 204);
  client.write("GET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string not_modified = client.read_head();
  EXPECT_EQ(status_of(not_modified), 304);
  EXPECT_EQ(field_of(not_modified, "ETag"), "\"x\"");
  client.write("GET /200 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(status_of(client.read_head()), 200);
}

TEST(Proxy, PassesInterimResponsesAndExpectations) {
  TestOrigin origin([](Peer& peer) {
    EXPECT_EQ(field_of(peer.read_head(), "Expect"), "100-continue");
    peer.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(peer.read(4), "body");
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer.read_head();
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  const std::string hints = client.read_head();
  EXPECT_EQ(status_of(hints), 103);
  EXPECT_EQ(field_of(hints, "Link"), "</a>");
  EXPECT_EQ(status_of(client.read_head()), 100);
  client.write("body");
  EXPECT_EQ(status_of(client.read_head()), 200);
}

TEST(Proxy, OpensATunnelWhenTheOriginSwitchesProtocols) {
  TestOrigin origin([](Peer& peer) {
    const std::string head = peer.read_head();
    EXPECT_EQ(field_of(head, "Upgrade"), "chat");
    EXPECT_EQ(field_of(head, "Connection"), "upgrade");
    peer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\nhi ");
    for (std::string piece; !(piece = peer.read(4)).empty();) peer.write("<" + piece + ">");
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nearl");
  const std::string head = client.read_head();
  EXPECT_EQ(status_of(head), 101);
  EXPECT_EQ(field_of(head, "Upgrade"), "chat");
  EXPECT_EQ(client.read(9), "hi <earl>");
  client.write("late");
  EXPECT_EQ(client.read(6), "<late>");
}

TEST(Proxy, PassesTheAnswerOfAnOriginThatDoesNotWaitForTheBody) {
  TestOrigin origin([](Peer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    peer.read_to_end();
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nthe beginning");
  const std::string answer = client.read_message();
  EXPECT_EQ(status_of(answer), 403);
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  EXPECT_TRUE(client.closed());
}

TEST(Proxy, AnswersAClientThatHasShutDownItsSendingSide) {
  TestOrigin origin(TestOrigin::always("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write(kGet);
  client.shutdown_write();
  EXPECT_EQ(body_of(client.read_to_end()), "ok");
}

TEST(Proxy, CancelsTheOriginWhenTheClientIsGone) {
  std::promise<bool> cancelled;
  TestOrigin origin([&](Peer& peer) {
    peer.read_head();
    cancelled.set_value(peer.closed());
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  while (origin.connections() < 1) std::this_thread::yield();
  client.reset();
  EXPECT_TRUE(cancelled.get_future().get());
}

TEST(Proxy, MovesLargeBodiesBothWaysWithSlowReaders) {
  constexpr std::size_t kSize = 48 << 20;
  std::string body(kSize, '\0');
  for (std::size_t i = 0; i < kSize; ++i) body[i] = static_cast<char>(i * 2654435761u >> 24);
  TestOrigin origin([&](Peer& peer) {
    peer.read_head();
    EXPECT_TRUE(peer.read(kSize) == body);
    peer.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kSize));
    peer.write(body);
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write(fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", kSize));
  client.write(body);
  EXPECT_TRUE(body_of(client.read_message()) == body);
}

TEST(Proxy, SpreadsRequestsEvenlyOverOrigins) {
  std::atomic<int> first = 0, second = 0;
  const auto counting = [](std::atomic<int>& count) {
    return [&count](Peer& peer) {
      for (std::string head; !(head = peer.read_head()).empty();) {
        ++count;
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
    };
  };
  TestOrigin one(counting(first)), two(counting(second));
  RunningEdge edge(snapshot_of({one.address(), two.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 100; ++i) {
    client.write(kGet);
    ASSERT_EQ(status_of(client.read_message()), 200);
  }
  EXPECT_EQ(first, 50);
  EXPECT_EQ(second, 50);
}

TEST(Proxy, GivesEveryRequestAnIdOfItsOwn) {
  TestOrigin origin(TestOrigin::always("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  RunningEdge edge(snapshot_of({origin.address()}));
  std::set<std::string> ids;
  for (int i = 0; i < 50; ++i) ids.insert(field_of(edge.get("/"), "X-Request-ID"));
  EXPECT_EQ(ids.size(), 50u);
}

TEST(Proxy, SpeaksToUnixSocketsOnBothSides) {
  const std::string path = testing::TempDir() + fmt::format("edge-{}.sock", ::getpid());
  TestOrigin origin(echo);
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.listeners = {{"unix:" + path, false}};
  RunningEdge edge(snapshot);
  const std::string seen = body_of(edge.get("/"));
  EXPECT_THAT(seen, Not(HasSubstr("X-Forwarded-For")));
  EXPECT_THAT(seen, HasSubstr("Forwarded: for=unknown"));
  // Through itself: now the origin side is a Unix socket too.
  control::Snapshot outer_snapshot = snapshot_of({"unix:" + path});
  RunningEdge outer(outer_snapshot);
  EXPECT_EQ(status_of(outer.get("/")), 200);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace fairlead::edge
