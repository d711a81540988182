// Bans, and the edge's own business, as clients see them. Loopback itself is never banned: clients
// stand behind a trusted proxy here. Real addresses and the kernel are for tests/e2e/guard_test.py.
#include "edge/guard.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "edge/edge_fixture.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;

const TestOrigin::Serve kDenies =
    TestOrigin::always("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");

control::Snapshot guarded(const std::string& origin) {
  control::Snapshot snapshot = snapshot_of({origin});
  snapshot.trusted_proxies = {"127.0.0.0/8"};
  snapshot.routes[0].bans = {{.name = "login",
                              .paths = {"/login*"},
                              .statuses = {401, 404},
                              .count = 3,
                              .within_ms = 60'000,
                              .ban_ms = 60'000}};
  return snapshot;
}

class Guarded : public testing::Test {
 protected:
  Guarded() : origin_(kDenies), edge_(std::make_unique<RunningEdge>(guarded(origin_.address()))) {}
  int ask(std::string_view client, std::string_view path) const {
    return status_of(edge_->ask(
        fmt::format("GET {} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {}\r\n\r\n", path, client)));
  }
  TestOrigin origin_;
  std::unique_ptr<RunningEdge> edge_;
};

TEST_F(Guarded, WhoOffendsTooOftenIsKeptOut) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("192.0.2.1", "/login"), 401);
  EXPECT_EQ(ask("192.0.2.1", "/login"), 403);
  EXPECT_EQ(ask("192.0.2.1", "/"), 403);
  EXPECT_EQ(ask("192.0.2.2", "/login"), 401);
}

TEST_F(Guarded, OtherPathsAreNoOffence) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("192.0.2.1", "/elsewhere"), 401);
}

TEST_F(Guarded, AnIpv6NetworkIsOneClient) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(fmt::format("2001:db8::{}", i + 1), "/login"), 401);
  EXPECT_EQ(ask("2001:db8::ffff", "/"), 403);
  EXPECT_EQ(ask("2001:db8:0:1::1", "/"), 401);
}

TEST_F(Guarded, LoopbackIsNeverBanned) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status_of(edge_->get("/login")), 401);
}

TEST_F(Guarded, TheAllowedAreNeverBanned) {
  control::Snapshot snapshot = guarded(origin_.address());
  snapshot.guard.allow = {"192.0.2.0/24"};
  snapshot.version = 2;
  ASSERT_TRUE(edge_->apply(snapshot));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("192.0.2.1", "/login"), 401);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("198.51.100.1", "/login"), 401);
  EXPECT_EQ(ask("198.51.100.1", "/login"), 403);
}

TEST_F(Guarded, LiftingLetsThemInAgain) {
  for (int i = 0; i < 3; ++i) ask("192.0.2.1", "/login");
  EXPECT_EQ(ask("192.0.2.1", "/"), 403);
  edge_->on_loop(
      [](Edge& edge) { EXPECT_TRUE(edge.guard().lift(*ClientPrefix::parse("192.0.2.1"))); });
  EXPECT_EQ(ask("192.0.2.1", "/"), 401);
}

TEST_F(Guarded, WritesDownWhatFail2banReads) {
  const std::string log = testing::TempDir() + fmt::format("guard-{}.log", ::getpid());
  control::Snapshot snapshot = guarded(origin_.address());
  snapshot.guard.log = log;
  snapshot.version = 2;
  ASSERT_TRUE(edge_->apply(snapshot));
  for (int i = 0; i < 4; ++i) ask("192.0.2.1", "/login?password=x");
  edge_.reset();  // writes what is left
  const std::string text = *read_file(log);
  std::filesystem::remove(log);
  EXPECT_THAT(text,
              HasSubstr(" offence rule=login client=192.0.2.1 status=401 host=h path=/login\n"));
  EXPECT_THAT(text, HasSubstr(" ban rule=login client=192.0.2.1 seconds=60\n"));
}

TEST(OwnBusiness, AnswersTheAcmeServer) {
  TestOrigin origin(TestOrigin::always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.acme_answers = {{"tok-en_1", "tok-en_1.thumb"}};
  RunningEdge edge(snapshot);
  const std::string proof = edge.get("/.well-known/acme-challenge/tok-en_1");
  EXPECT_EQ(status_of(proof), 200);
  EXPECT_EQ(body_of(proof), "tok-en_1.thumb");
  EXPECT_EQ(status_of(edge.get("/.well-known/acme-challenge/tok-en_2")), 404);
  EXPECT_EQ(origin.connections(), 1);
}

TEST(OwnBusiness, PurgesForWhoeverKnowsTheToken) {
  TestOrigin origin(TestOrigin::always(
      "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nSurrogate-Key: air sea\r\nContent-Length: "
      "2\r\n\r\nok"));
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.pools[0].name = "air/production/web";
  snapshot.routes[0].pool = "air/production/web";
  snapshot.routes[0].cache.enabled = true;
  snapshot.purge_tokens = {{"air/production", "secret"}, {"other/production", "theirs"}};
  RunningEdge edge(snapshot);
  const auto purge = [&](std::string_view token, std::string_view fields) {
    return edge.ask(fmt::format(
        "PURGE /.fairlead/purge/{}/data HTTP/1.1\r\nHost: localhost\r\n{}\r\n", token, fields));
  };
  const auto outcome = [&] {
    return field_of(edge.ask("GET /data HTTP/1.1\r\nHost: localhost\r\n\r\n"), "Cache-Status");
  };
  EXPECT_THAT(outcome(), HasSubstr("fwd=miss"));
  EXPECT_THAT(outcome(), HasSubstr("hit"));
  EXPECT_EQ(status_of(purge("wrong", "")), 403);
  EXPECT_EQ(body_of(purge("theirs", "Surrogate-Key: air\r\n")), "{\"purged\":0}\n");
  EXPECT_THAT(outcome(), HasSubstr("hit"));
  EXPECT_EQ(body_of(purge("secret", "Surrogate-Key: land air\r\n")), "{\"purged\":1}\n");
  EXPECT_THAT(outcome(), HasSubstr("fwd=miss"));
  EXPECT_EQ(body_of(purge("secret", "")), "{\"purged\":1}\n");
  EXPECT_THAT(outcome(), HasSubstr("fwd=miss"));
}

}  // namespace
}  // namespace fairlead::edge
