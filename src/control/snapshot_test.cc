#include "control/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fairlead::control {
namespace {

Snapshot sample() {
  Snapshot snapshot;
  snapshot.version = 18'000'000'000'000'000'001ull;
  snapshot.listeners = {{"127.0.0.1:8080", false}, {"[::]:8443", true}};
  snapshot.certificates = {{"/tls/cert.pem", "/tls/key.pem"}};
  Pool pool;
  pool.name = "visitors/production/web";
  pool.balance = Balance::kLeastRequests;
  pool.health = {"/readyz", 500ms, 100ms, 3, 2};
  pool.origins = {{"visitors/production/web.1", "unix:/run/web.1.sock", "v3", 2},
                  {"visitors/production/web.2", "127.0.0.1:34001", "v3", 1}};
  snapshot.pools = {pool};
  snapshot.routes.resize(2);
  snapshot.routes[0].host = "visitors.localhost";
  snapshot.routes[0].pool = pool.name;
  snapshot.routes[0].headers = {{"X-Beta", "yes"}};
  snapshot.routes[0].access.allow = {"10.0.0.0/8"};
  snapshot.routes[1].path_prefix = "/api";
  snapshot.routes[1].pool = pool.name;
  snapshot.routes[1].max_body = 4096;
  snapshot.timeouts.idle = 90s;
  snapshot.limits.max_body = 7;
  snapshot.trusted_proxies = {"10.0.0.0/8"};
  snapshot.access_log = "/var/log/\"quoted\"\n.log";
  snapshot.loops = 3;
  return snapshot;
}

std::string error_of(std::string_view text) {
  auto result = snapshot_from_json(text);
  return result ? "no error" : result.error().message();
}

TEST(Snapshot, SurvivesTheRoundTrip) {
  const Snapshot before = sample();
  const auto after = snapshot_from_json(to_json(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->version, before.version);
  EXPECT_EQ(after->pools[0].balance, Balance::kLeastRequests);
  EXPECT_EQ(after->pools[0].health.interval, 500ms);
  EXPECT_EQ(after->pools[0].origins[0].weight, 2u);
  EXPECT_EQ(after->routes[1].max_body, 4096u);
  EXPECT_EQ(after->timeouts.idle, 90s);
  EXPECT_EQ(after->access_log, before.access_log);
  EXPECT_TRUE(after->listeners[1].tls);
}

TEST(Snapshot, TakesDefaultsForWhatIsLeftOut) {
  const auto snapshot = snapshot_from_json(R"({"version": 4})");
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->version, 4u);
  EXPECT_EQ(snapshot->timeouts.head, EdgeTimeouts{}.head);
  EXPECT_EQ(snapshot->limits.max_head, EdgeLimits{}.max_head);
}

TEST(Snapshot, NamesThePlaceOfWhatIsWrong) {
  EXPECT_EQ(error_of("{"), "not JSON");
  EXPECT_EQ(error_of("[]"), "must be an object");
  EXPECT_EQ(error_of(R"({"verison": 1})"), "verison: unknown key");
  EXPECT_EQ(error_of(R"({"version": -1})"), "version: must be a whole number, not negative");
  EXPECT_EQ(error_of(R"({"timeouts": {"head_ms": 0}})"),
            "timeouts.head_ms: must be milliseconds, at least 1");
  EXPECT_EQ(error_of(R"({"routes": [{"pool": "x"}]})"), "routes[0].pool: no pool 'x'");
  EXPECT_EQ(error_of(R"({"pools": [{"name": "a"}, {"name": "a"}]})"),
            "pools[1].name: second pool 'a'");
  EXPECT_EQ(error_of(R"({"pools": [{"name": "a", "balance": "random"}]})"),
            "pools[0].balance: must be one of round_robin, least_requests, two_choices, hash");
  EXPECT_EQ(error_of(R"({"routes": [{}]})"), "routes[0]: needs one of pool, redirect and files");
  EXPECT_EQ(error_of(R"({"routes": [{"redirect": {"to": "/x", "status": 200}}]})"),
            "routes[0].redirect.status: must be 301, 302, 303, 307 or 308");
  EXPECT_EQ(error_of(R"({"routes": [{"host": "a.*.b", "redirect": {"to": "/x"}}]})"),
            "routes[0].host: '*' may only stand for the whole first label");
  EXPECT_EQ(error_of(R"({"listeners": [{"address": "127.0.0.1:1", "tls": true}]})"),
            "listeners[0].tls: needs a certificate");
  EXPECT_EQ(error_of(R"({"pools": [{"name": "a", "origins":
              [{"id": "o", "address": "127.0.0.1:1", "weight": 0}]}]})"),
            "pools[0].origins[0].weight: must be from 1 to 1000");
  EXPECT_THAT(error_of(R"({"listeners": [{"address": "nonsense"}]})"),
              testing::StartsWith("listeners[0].address: "));
}

TEST(Snapshot, RefusesTwoRoutesForOnePlace) {
  EXPECT_EQ(error_of(R"({"pools": [{"name": "p"}], "routes": [
              {"host": "a", "path_prefix": "/x", "pool": "p"},
              {"host": "a", "path_prefix": "/x", "pool": "p"}]})"),
            "routes[1]: second route for 'a/x'");
}

}  // namespace
}  // namespace fairlead::control
