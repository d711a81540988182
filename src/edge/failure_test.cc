// What becomes of requests when an origin, a client or time fails them.
#include <gmock/gmock.h>

#include "edge/edge_fixture.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Where nobody listens.
std::string refusing_address() {
  TestOrigin origin([](Peer&) {});
  return origin.address();
}

std::string request(std::string_view method, std::string_view body = {}) {
  return fmt::format("{} / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", method,
                     body.size(), body);
}

TEST(Retry, GoesToAnotherOriginWhenOneRefuses) {
  TestOrigin origin(TestOrigin::always(std::string(kOk)));
  RunningEdge edge(snapshot_of({refusing_address(), origin.address()}));
  for (const char* method : {"GET", "POST", "GET"}) {
    EXPECT_EQ(status_of(edge.ask(request(method, "x"))), 200)
        << "nothing was sent, so any method may be tried elsewhere";
  }
}

TEST(Retry, RepeatsAnIdempotentRequestOnceElsewhere) {
  std::atomic<int> dropped = 0;
  TestOrigin bad([&](Peer& peer) {
    peer.read_message();
    ++dropped;
  });
  TestOrigin good(TestOrigin::always(std::string(kOk)));
  RunningEdge edge(snapshot_of({bad.address(), good.address()}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status_of(edge.get("/")), 200);
  EXPECT_EQ(dropped, 2);
}

TEST(Retry, NeverRepeatsWhatIsNotIdempotent) {
  std::atomic<int> seen = 0;
  TestOrigin bad([&](Peer& peer) {
    peer.read_message();
    ++seen;
  });
  RunningEdge edge(snapshot_of({bad.address()}));
  EXPECT_EQ(status_of(edge.ask(request("POST"))), 502);
  EXPECT_EQ(status_of(edge.ask(request("PATCH", "body"))), 502);
  EXPECT_EQ(seen, 2);
}

TEST(Retry, DoesNotRepeatABodyThatIsGone) {
  std::atomic<int> seen = 0;
  TestOrigin bad([&](Peer& peer) {
    peer.read_message();
    ++seen;
  });
  RunningEdge edge(snapshot_of({bad.address()}));
  EXPECT_EQ(status_of(edge.ask(request("PUT", "body"))), 502);
  EXPECT_EQ(seen, 1);
}

TEST(Retry, GivesUpAfterASecondOrigin) {
  std::atomic<int> seen = 0;
  TestOrigin bad([&](Peer& peer) {
    peer.read_message();
    ++seen;
  });
  RunningEdge edge(snapshot_of({bad.address()}));
  const std::string answer = edge.get("/");
  EXPECT_EQ(status_of(answer), 502);
  EXPECT_THAT(answer, HasSubstr("application/problem+json"));
  EXPECT_THAT(body_of(answer), HasSubstr(field_of(answer, "X-Request-ID")));
  EXPECT_EQ(seen, 2);
}

// The origin closes each connection after its first answer, as the second request arrives.
TEST(Retry, HidesKeptConnectionsThatTheOriginHasClosed) {
  TestOrigin origin([](Peer& peer) {
    peer.read_message();
    peer.write(kOk);
    peer.read_message();
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 50; ++i) {
    client.write(request("GET"));
    ASSERT_EQ(status_of(client.read_message()), 200) << i;
  }
}

TEST(Retry, SendsAPostOnlyOverAConnectionThatIsAlive) {
  std::atomic<int> closed = 0;
  TestOrigin origin([&](Peer& peer) {  // one request per connection
    peer.read_message();
    peer.write(kOk);
    peer.shutdown_write();
    ++closed;
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 20; ++i) {
    client.write(request("POST", "x"));
    ASSERT_EQ(status_of(client.read_message()), 200) << i;
    // On loopback the end has reached the edge's socket by then, seen or not.
    while (closed <= i) std::this_thread::yield();
  }
}

TEST(Failure, WithoutAnyOriginIs503) {
  RunningEdge edge(snapshot_of({refusing_address()}));
  const std::string answer = edge.get("/");
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
}

TEST(Failure, WithoutARouteIs404) {
  control::Snapshot snapshot = snapshot_of({refusing_address()});
  snapshot.routes[0].host = "known.example";
  RunningEdge edge(snapshot);
  EXPECT_EQ(status_of(edge.get("/")), 404);
}

TEST(Failure, OfTheOriginsProtocolIs502) {
  for (const char* nonsense :
       {"nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    TestOrigin origin([&](Peer& peer) {
      peer.read_message();
      peer.write(nonsense);
      peer.read_to_end();
    });
    RunningEdge edge(snapshot_of({origin.address()}));
    EXPECT_EQ(status_of(edge.get("/")), 502) << nonsense;
  }
}

TEST(Failure, InTheMiddleOfABodyCannotBeTakenForItsEnd) {
  TestOrigin origin([](Peer& peer) {
    const std::string head = peer.read_message();
    const bool chunked = head.find("/chunked") != std::string::npos;
    peer.write(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                       : "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  for (const char* path : {"/length", "/chunked"}) {
    Peer client = edge.connect();
    client.write(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
    const std::string all = client.read_to_end();
    EXPECT_FALSE(all.ends_with("0\r\n\r\n"));
    EXPECT_LT(body_of(all).size(), 10u);
  }
}

TEST(Failure, OfTheOriginToAnswerInTimeIs504) {
  TestOrigin origin([](Peer& peer) {
    peer.read_message();
    peer.read_to_end();
  });
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.timeouts.response = 50ms;
  RunningEdge edge(snapshot);
  EXPECT_EQ(status_of(edge.get("/")), 504);
}

TEST(Failure, OfAClientToSendAHeadOrABodyIs408) {
  TestOrigin origin([](Peer& peer) { peer.read_to_end(); });
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.timeouts.head = 50ms;
  snapshot.timeouts.body = 50ms;
  RunningEdge edge(snapshot);
  for (const char* beginning : {"GET / HTTP/1.1\r\nHost: h\r\n",
                                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"}) {
    Peer client = edge.connect();
    client.write(beginning);
    const std::string answer = client.read_message();
    EXPECT_EQ(status_of(answer), 408);
    EXPECT_EQ(field_of(answer, "Connection"), "close");
    EXPECT_TRUE(client.closed());
  }
}

// Bytes that keep coming do not keep a head alive.
TEST(Failure, OfADripFeedingClientIs408) {
  control::Snapshot snapshot = snapshot_of({refusing_address()});
  snapshot.timeouts.head = 100ms;
  RunningEdge edge(snapshot);
  Peer client = edge.connect();
  client.write("GET / HTTP/1.1\r\n");
  std::atomic<bool> answered = false;
  std::thread dripping([&] {
    while (!answered && client.write("X")) std::this_thread::sleep_for(1ms);
  });
  EXPECT_EQ(status_of(client.read_message()), 408);
  answered = true;
  dripping.join();
}

TEST(Failure, OfAnIdleClientIsAnEnd) {
  control::Snapshot snapshot = snapshot_of({refusing_address()});
  snapshot.timeouts.idle = 50ms;
  RunningEdge edge(snapshot);
  EXPECT_TRUE(edge.connect().closed());
}

TEST(Failure, OfAClientToReadEndsTheExchange) {
  std::promise<void> cut;
  TestOrigin origin([&](Peer& peer) {
    peer.read_message();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    while (peer.write(piece)) {
    }
    cut.set_value();
  });
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.timeouts.write = 100ms;
  RunningEdge edge(snapshot);
  Peer client = edge.connect();
  client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(cut.get_future().wait_for(10s), std::future_status::ready);
}

TEST(Limit, OfABodyIs413) {
  TestOrigin origin([](Peer& peer) { peer.read_to_end(); });
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.limits.max_body = 1000;
  RunningEdge edge(snapshot);
  const std::string body(1001, 'x');
  EXPECT_EQ(status_of(edge.ask(request("POST", body))), 413);
  Peer client = edge.connect();
  client.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.write(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body));
  EXPECT_EQ(status_of(client.read_message()), 413);
}

TEST(Limit, OfConnectionsClosesNewOnesAtOnce) {
  TestOrigin origin(TestOrigin::always(std::string(kOk)));
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.limits.max_connections = 1;
  RunningEdge edge(snapshot);
  Peer first = edge.connect();
  first.write(request("GET"));
  EXPECT_EQ(status_of(first.read_message()), 200);
  EXPECT_TRUE(edge.connect().closed());
  first.write(request("GET"));
  EXPECT_EQ(status_of(first.read_message()), 200);
}

struct Hostile {
  const char* name;
  std::string bytes;
  int status;
};

std::vector<Hostile> hostile_requests() {
  using namespace std::string_literals;
  return {
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"length and chunks",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"NUL", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"s, 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"folded line", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
      {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400},
      {"a head of 1 MiB", "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(1 << 20, 'x'), 431},
      {"a target of 64 KiB", "GET /" + std::string(64 << 10, 'x') + " HTTP/1.1\r\n\r\n", 414},
      {"too many fields",
       [] {
         std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
         for (int i = 0; i < 200; ++i) head += "X: y\r\n";
         return head + "\r\n";
       }(),
       431},
      {"bad chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s, 400},
      {"HTTP/3.0", "GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
  };
}

TEST(HostileInput, GetsItsAnswerAndDisturbsNobody) {
  TestOrigin origin(TestOrigin::always(std::string(kOk)));
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer neighbour = edge.connect();
  for (const Hostile& hostile : hostile_requests()) {
    SCOPED_TRACE(hostile.name);
    Peer client = edge.connect();
    std::thread writer([&] { client.write(hostile.bytes); });
    const std::string answer = client.read_message();
    writer.join();
    EXPECT_EQ(status_of(answer), hostile.status) << answer;
    EXPECT_EQ(field_of(answer, "Connection"), "close");
    EXPECT_TRUE(client.closed());
    neighbour.write(request("GET"));
    EXPECT_EQ(status_of(neighbour.read_message()), 200);
  }
}

TEST(HostileInput, CutIntoSingleBytesIsStillUnderstood) {
  TestOrigin origin([](Peer& peer) {
    while (!peer.read_message().empty()) {
      for (char c : std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "2\r\nok\r\n0\r\nX-T: 1\r\n\r\n")) {
        peer.write({&c, 1});
      }
    }
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  for (int i = 0; i < 3; ++i) {
    for (char c : std::string("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "1\r\nx\r\n0\r\n\r\n")) {
      client.write({&c, 1});
    }
    EXPECT_EQ(body_of(client.read_message()), "ok");
  }
}

}  // namespace
}  // namespace fairlead::edge
