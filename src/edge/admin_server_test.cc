#include "edge/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "http/client.h"
#include "telemetry/metrics.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;

class Admin : public testing::Test {
 protected:
  Admin()
      : loop_(*io::Loop::create()),
        log_(2, telemetry::Level::kError),
        folder_(testing::TempDir() + fmt::format("admin-{}", ::getpid())),
        drain_requested_(*loop_) {
    std::filesystem::create_directories(folder_);
    edge_ = *Edge::create(*loop_, 2, log_);
    bans_ = std::make_unique<BanKeeper>(*loop_, folder_, edge_->guard(), log_);
    admin_ = std::make_unique<AdminServer>(*loop_, *edge_, *bans_, folder_ / "snapshot.json",
                                           drain_requested_);
    EXPECT_TRUE(admin_->serve(folder_ / "edge.sock"));
    client_ = std::make_unique<http::Client>(
        *loop_, *io::Address::unix_path((folder_ / "edge.sock").native()), "edge");
  }
  ~Admin() override {
    client_.reset();
    io::block_on(*loop_, admin_->stop());
    io::block_on(*loop_, bans_->stop());
    io::block_on(*loop_, edge_->drain(1s));
    std::filesystem::remove_all(folder_);
  }

  http::Response ask(http::Method method, std::string target, std::string body = {}) {
    http::Request request;
    request.method = method;
    request.method_text = http::to_string(method);
    request.target = std::move(target);
    request.body = std::move(body);
    auto response = io::block_on(*loop_, client_->send(std::move(request), io::Deadline::in(10s)));
    EXPECT_TRUE(response) << response.error().message();
    return response ? *std::move(response) : http::Response{};
  }
  http::Response put(std::string_view snapshot) {
    return ask(http::Method::kPut, "/snapshot", std::string(snapshot));
  }

  std::unique_ptr<io::Loop> loop_;
  telemetry::Log log_;
  const std::filesystem::path folder_;
  io::Event drain_requested_;
  std::unique_ptr<Edge> edge_;
  std::unique_ptr<BanKeeper> bans_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<http::Client> client_;
};

TEST_F(Admin, TakesASnapshotAndKeepsItOnDisk) {
  const http::Response answer = put(R"({"version": 7, "pools": [{"name": "p"}]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{\"version\":7}\n");
  EXPECT_EQ(ask(http::Method::kGet, "/snapshot").body, *read_file(folder_ / "snapshot.json"));
  EXPECT_EQ(control::snapshot_from_json(*read_file(folder_ / "snapshot.json"))->version, 7u);
}

TEST_F(Admin, RefusesWhatIsWrongAndChangesNothing) {
  EXPECT_EQ(put(R"({"version": 7})").status, 200);
  const http::Response wrong = put(R"({"version": 8, "routes": [{"pool": "x"}]})");
  EXPECT_EQ(wrong.status, 422);
  EXPECT_THAT(wrong.body, HasSubstr("routes[0].pool: no pool 'x'"));
  EXPECT_EQ(put(R"({"version": 8, "trusted_proxies": ["x"]})").status, 422);
  EXPECT_EQ(put(R"({"version": 6})").status, 409);
  EXPECT_EQ(put("not json").status, 422);
  EXPECT_THAT(ask(http::Method::kGet, "/snapshot").body, HasSubstr("\"version\": 7"));
}

TEST_F(Admin, TakesTheSameVersionAgain) {
  EXPECT_EQ(put(R"({"version": 7})").status, 200);
  EXPECT_EQ(put(R"({"version": 7})").status, 200);
}

TEST_F(Admin, TellsCountersAndMetrics) {
  EXPECT_EQ(put(R"({"version": 3, "pools": [{"name": "p", "health": {"interval_ms": 3600000},
                "origins": [{"id": "o", "address": "127.0.0.1:1", "release": "v9"}]}]})")
                .status,
            200);
  const auto counters = nlohmann::json::parse(ask(http::Method::kGet, "/counters").body);
  EXPECT_EQ(counters["version"], 3);
  EXPECT_EQ(counters["origins"][0]["release"], "v9");
  const http::Response metrics = ask(http::Method::kGet, "/metrics");
  EXPECT_EQ(*metrics.fields.find("Content-Type"), telemetry::kOpenMetricsType);
  EXPECT_THAT(metrics.body, HasSubstr("fairlead_edge_snapshot_version 3\n"));
  EXPECT_EQ(ask(http::Method::kGet, "/healthz").status, 200);
}

TEST_F(Admin, WaitsForNobodyWhenNothingIsInFlight) {
  EXPECT_EQ(ask(http::Method::kPost, "/wait-idle?origin=any").status, 200);
  EXPECT_EQ(ask(http::Method::kPost, "/wait-idle?origin=any&timeout_ms=x").status, 400);
}

TEST_F(Admin, SetsOffDraining) {
  EXPECT_FALSE(drain_requested_.is_set());
  EXPECT_EQ(ask(http::Method::kPost, "/drain").status, 200);
  EXPECT_TRUE(drain_requested_.is_set());
}

TEST_F(Admin, TakesManySnapshotsInARow) {
  for (int version = 1; version <= 100; ++version) {
    ASSERT_EQ(put(fmt::format(R"({{"version": {}}})", version)).status, 200);
  }
  EXPECT_THAT(ask(http::Method::kGet, "/snapshot").body, HasSubstr("\"version\": 100"));
}

TEST_F(Admin, BansByHandAndLifts) {
  EXPECT_EQ(ask(http::Method::kPost, "/bans?client=192.0.2.1&seconds=60").status, 200);
  EXPECT_EQ(ask(http::Method::kPost, "/bans?client=nobody&seconds=60").status, 400);
  EXPECT_EQ(ask(http::Method::kPost, "/bans?client=192.0.2.1&seconds=0").status, 400);
  EXPECT_THAT(ask(http::Method::kPost, "/bans?client=127.0.0.1").body, HasSubstr("always"));
  const auto listed = nlohmann::json::parse(ask(http::Method::kGet, "/bans").body);
  ASSERT_EQ(listed["bans"].size(), 1u);
  EXPECT_EQ(listed["bans"][0]["client"], "192.0.2.1");
  EXPECT_EQ(listed["bans"][0]["reason"], "by hand");
  EXPECT_EQ(ask(http::Method::kDelete, "/bans?client=192.0.2.1").status, 200);
  EXPECT_EQ(ask(http::Method::kDelete, "/bans?client=192.0.2.1").status, 404);
}

}  // namespace
}  // namespace fairlead::edge
