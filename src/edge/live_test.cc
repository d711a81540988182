// Snapshots, health, draining, TLS and the control socket, while the edge serves.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "edge/admin_server.h"
#include "edge/edge_fixture.h"
#include "edge/report.h"
#include "io/tls.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TestOrigin::Serve saying(std::string_view word) {
  return TestOrigin::always(
      fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", word.size(), word));
}

template <typename Condition>
void wait_until(Condition condition) {
  for (int i = 0; i < 10'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(condition());
}

TEST(LiveChange, TakesEffectBetweenTwoRequestsOfOneConnection) {
  TestOrigin old_release(saying("old")), new_release(saying("new"));
  RunningEdge edge(snapshot_of({old_release.address()}));
  Peer client = edge.connect();
  control::Snapshot snapshot = snapshot_of({new_release.address()});
  for (int i = 0; i < 20; ++i) {
    client.write(kGet);
    EXPECT_EQ(body_of(client.read_message()), i % 2 == 0 ? "old" : "new");
    ++snapshot.version;
    snapshot.pools[0].origins[0].address =
        i % 2 == 0 ? new_release.address() : old_release.address();
    ASSERT_TRUE(edge.apply(snapshot));
  }
}

TEST(LiveChange, LetsARequestOfARemovedOriginFinish) {
  std::promise<void> received, finish;
  TestOrigin leaving([&](Peer& peer) {
    peer.read_message();
    received.set_value();
    finish.get_future().wait();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    peer.read_to_end();
  });
  TestOrigin staying(saying("next"));
  RunningEdge edge(snapshot_of({leaving.address()}));
  Peer client = edge.connect();
  client.write(kGet);
  received.get_future().wait();
  control::Snapshot snapshot = snapshot_of({staying.address()});
  snapshot.pools[0].origins[0].id = "web.new";
  ASSERT_TRUE(edge.apply(snapshot));
  const auto in_flight = [&] {
    std::uint64_t count = 0;
    edge.on_loop([&](Edge& e) {
      for (const TargetPtr& target : e.targets()) {
        if (target->spec.id == "web.1") count = target->in_flight();
      }
    });
    return count;
  };
  EXPECT_EQ(in_flight(), 1u);
  EXPECT_EQ(body_of(edge.get("/")), "next");
  finish.set_value();
  EXPECT_EQ(body_of(client.read_message()), "last");
  wait_until([&] { return in_flight() == 0; });
  client.write(kGet);
  EXPECT_EQ(body_of(client.read_message()), "next") << "the client's connection goes on";
}

TEST(LiveChange, OpensAndClosesListeners) {
  TestOrigin origin(saying("ok"));
  control::Snapshot snapshot = snapshot_of({origin.address()});
  RunningEdge edge(snapshot);
  const std::string path = testing::TempDir() + fmt::format("live-{}.sock", ::getpid());
  snapshot.listeners.push_back({"unix:" + path, false});
  ASSERT_TRUE(edge.apply(snapshot));
  const io::Address added = *io::Address::unix_path(path);
  {
    Peer client = Peer::connect(added);
    client.write(kGet);
    EXPECT_EQ(body_of(client.read_message()), "ok");
  }
  snapshot.listeners.pop_back();
  ASSERT_TRUE(edge.apply(snapshot));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(fd.get(), added.data(), added.size()), 0);
  EXPECT_EQ(body_of(edge.get("/")), "ok");
  ::unlink(path.c_str());
}

TEST(LiveChange, ThatCannotListenChangesNothing) {
  TestOrigin origin(saying("ok")), busy(saying("busy"));
  control::Snapshot snapshot = snapshot_of({origin.address()});
  RunningEdge edge(snapshot);
  snapshot.version = 2;
  snapshot.listeners.push_back({busy.address(), false});
  const auto applied = edge.apply(snapshot);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code(), Code::kExists);
  EXPECT_THAT(applied.error().message(), HasSubstr(busy.address()));
  edge.on_loop([](Edge& e) { EXPECT_EQ(e.snapshot().version, 1u); });
  EXPECT_EQ(body_of(edge.get("/")), "ok");
}

// One replica is killed under load: no client notices.
TEST(LiveChange, AKilledOriginCostsNoRequest) {
  auto dying = std::make_unique<TestOrigin>(saying("ok"));
  TestOrigin staying(saying("ok"));
  control::Snapshot snapshot = snapshot_of({dying->address(), staying.address()});
  snapshot.loops = 2;
  RunningEdge edge(snapshot);
  std::atomic<int> done = 0, failed = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < 16; ++c) {
    clients.emplace_back([&] {
      Peer client = edge.connect();
      for (int i = 0; i < 200; ++i) {
        client.write(kGet);
        if (status_of(client.read_message()) != 200) ++failed;
        ++done;
      }
    });
  }
  wait_until([&] { return done > 500; });
  dying.reset();
  for (auto& client : clients) client.join();
  EXPECT_EQ(done, 3200);
  EXPECT_EQ(failed, 0);
}

TEST(Health, TakesAnOriginOutAndBackIn) {
  std::atomic<bool> healthy = true;
  TestOrigin origin(saying("ok"));
  origin.set_healthy(&healthy);
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.pools[0].health.interval = 10ms;
  RunningEdge edge(snapshot);
  EXPECT_EQ(status_of(edge.get("/")), 200);
  healthy = false;
  wait_until([&] { return status_of(edge.get("/")) == 503; });
  healthy = true;
  wait_until([&] { return status_of(edge.get("/")) == 200; });
}

TEST(Draining, FinishesWhatIsInFlightAndRefusesTheRest) {
  std::promise<void> received, finish;
  TestOrigin origin([&](Peer& peer) {
    peer.read_message();
    received.set_value();
    finish.get_future().wait();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    peer.read_to_end();
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer busy = edge.connect();
  Peer idle = edge.connect();
  busy.write(kGet);
  received.get_future().wait();
  std::thread draining([&] { edge.drain(10s); });
  EXPECT_TRUE(idle.closed());
  finish.set_value();
  const std::string answer = busy.read_message();
  EXPECT_EQ(body_of(answer), "last");
  EXPECT_EQ(field_of(answer, "Connection"), "close");
  EXPECT_TRUE(busy.closed());
  draining.join();
}

TEST(Draining, CutsOffWhatTakesTooLong) {
  std::promise<void> received;
  TestOrigin origin([&](Peer& peer) {
    peer.read_message();
    received.set_value();
    peer.read_to_end();
  });
  RunningEdge edge(snapshot_of({origin.address()}));
  Peer client = edge.connect();
  client.write(kGet);
  received.get_future().wait();
  edge.drain(20ms);
  EXPECT_TRUE(client.closed());
}

class Tls : public testing::Test {
 protected:
  Tls() { EXPECT_TRUE(io::write_self_signed(files_, {"test.example"}, 24h)); }
  ~Tls() override {
    std::filesystem::remove(files_.certificate);
    std::filesystem::remove(files_.key);
  }
  control::Snapshot snapshot(const TestOrigin& origin) const {
    control::Snapshot snapshot = snapshot_of({origin.address()});
    snapshot.listeners[0].tls = true;
    snapshot.certificates = {{files_.certificate, files_.key}};
    return snapshot;
  }
  const std::string base_ = testing::TempDir() + fmt::format("edge-tls-{}", ::getpid());
  const io::CertificateFiles files_{base_ + ".crt", base_ + ".key"};
};

// Two requests on one verified TLS connection; the bodies one after the other.
io::Task<std::string> ask_twice(io::Loop& loop, io::Address address, std::string authority,
                                std::string request) {
  const auto context = io::TlsContext::client(authority, {"http/1.1"});
  auto stream =
      co_await io::connect_tls(loop, address, *context, "test.example", io::Deadline::in(5s));
  if (!stream) co_return stream.error().message();
  std::string all;
  for (std::size_t wanted = 1; wanted <= 2; ++wanted) {
    EXPECT_TRUE(co_await stream->write(request, io::Deadline::in(5s)));
    char buffer[70'000];
    std::size_t bodies = 0;
    while (bodies < wanted) {
      const auto n = co_await stream->read(buffer, io::Deadline::in(5s));
      if (!n || *n == 0) {
        co_return fmt::format("after {} bytes: {}", all.size(), n ? "end" : n.error().message());
      }
      all.append(buffer, *n);
      bodies = 0;
      for (std::size_t at = 0; (at = all.find("<end>", at)) != std::string::npos; ++at) ++bodies;
    }
  }
  all += stream->transport().tls_version();
  co_return all;
}

TEST_F(Tls, ServesRequestsOfAllSizesOnOneConnection) {
  TestOrigin origin([](Peer& peer) {
    for (std::string message; !(message = peer.read_message()).empty();) {
      const std::string body = field_of(message, "Forwarded") + std::string(100'000, 'x') + "<end>";
      peer.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
    }
  });
  RunningEdge edge(snapshot(origin));
  auto loop = io::Loop::create();
  const std::string upload(200'000, 'u');
  const std::string all = io::block_on(
      **loop, ask_twice(**loop, edge.address(), files_.certificate,
                        fmt::format("POST / HTTP/1.1\r\nHost: test.example\r\nContent-Length: "
                                    "{}\r\n\r\n{}",
                                    upload.size(), upload)));
  EXPECT_THAT(all.substr(0, 200), HasSubstr("proto=https"));
  EXPECT_EQ(all.substr(all.size() - std::min<std::size_t>(all.size(), 12)), "<end>TLSv1.3");
}

TEST_F(Tls, ClosesOnThoseWhoDoNotSpeakIt) {
  TestOrigin origin(saying("ok"));
  RunningEdge edge(snapshot(origin));
  Peer plain = edge.connect();
  plain.write(kGet);
  EXPECT_EQ(status_of(plain.read_to_end()), 0);
}

TEST_F(Tls, GivesUpOnHandshakesThatTakeTooLong) {
  TestOrigin origin(saying("ok"));
  control::Snapshot slow = snapshot(origin);
  slow.timeouts.tls_handshake = 50ms;
  RunningEdge edge(slow);
  EXPECT_TRUE(edge.connect().closed());
}

TEST(Report, CountsByOriginReleaseAndStatus) {
  TestOrigin origin(saying("ok"));
  RunningEdge edge(snapshot_of({origin.address()}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of(edge.get("/")), 200);
  // A request is counted after its answer has left.
  wait_until([&] {
    std::uint64_t counted = 0;
    edge.on_loop([&](Edge& e) { counted = e.targets()[0]->stats[0].requests.value(); });
    return counted == 5;
  });
  edge.on_loop([](Edge& e) {
    const auto counters = nlohmann::json::parse(counters_json(e));
    EXPECT_EQ(counters["origins"][0]["origin"], "web.1");
    EXPECT_EQ(counters["origins"][0]["release"], "v1");
    EXPECT_EQ(counters["origins"][0]["requests"], 5);
    EXPECT_EQ(counters["origins"][0]["failed"], 0);
    EXPECT_EQ(counters["origins"][0]["status"]["2xx"], 5);
    EXPECT_EQ(counters["origins"][0]["bytes_out"], 10);
    const std::string metrics = metrics_text(e);
    EXPECT_THAT(metrics,
                testing::ContainsRegex("fairlead_edge_requests_total.pool=\"web\",origin=\"web.1\","
                                       "address=\"[^\"]+\",release=\"v1\",class=\"2xx\". 5\n"));
    EXPECT_THAT(metrics,
                testing::ContainsRegex("fairlead_edge_request_duration_seconds_count.pool=\"web\","
                                       "origin=\"web.1\",address=\"[^\"]+\",release=\"v1\". 5\n"));
    EXPECT_THAT(metrics, testing::EndsWith("# EOF\n"));
  });
}

}  // namespace
}  // namespace fairlead::edge
