#include "observe/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/router.h"
#include "io/stream.h"
#include "io/sync.h"
#include "store/test_folder.h"

namespace fairlead::observe {
namespace {

using testing::ElementsAre;

io::Task<void> say(http::Exchange& exchange, std::string text, std::uint16_t status) {
  (void)co_await exchange.respond(http::Response::text(std::move(text), status));
}

class CollectorTest : public testing::Test {
 protected:
  CollectorTest() {
    http::Router router;
    const auto add = [&](const char* path, std::string text, std::uint16_t status) {
      router.add(http::Method::kGet, path,
                 [text, status](http::Exchange& exchange, http::PathParameters) {
                   return say(exchange, text, status);
                 });
    };
    add("/metrics", "# TYPE visits counter\nvisits_total 7\n# TYPE load gauge\nload 0.5\n# EOF\n",
        200);
    add("/edge",
        "# TYPE fairlead_edge_requests counter\n"
        "fairlead_edge_requests_total{pool=\"shop/staging/web\",origin=\"shop/staging/"
        "web.2\",class=\"2xx\"} 3\n",
        200);
    add("/nonsense", "<html>", 200);
    add("/down", "no", 503);
    auto socket = io::listen(io::Address::parse("127.0.0.1:0").value()).value();
    address_ = io::local_address(socket.get()).value();
    server_ = std::make_unique<http::Server>(*loop_, router.handler());
    server_->serve(std::move(socket));
  }
  ~CollectorTest() override { (void)io::block_on(*loop_, server_->drain(io::Deadline::in(10s))); }

  double value(const std::string& name, MetricLabels labels = {}) {
    MetricQuery query{.select = {name, std::move(labels)},
                      .from = time_,
                      .to = time_ + 10s,
                      .reduce = Reduce::kLast};
    const auto result = store_->query(query);
    return result && !result->groups.empty() ? result->groups[0].values.at(0) : -1;
  }

  const WallTime time_ = WallTime(std::chrono::seconds(1'728'000'000));
  store::TestFolder folder_;
  std::unique_ptr<io::Loop> loop_ = io::Loop::create().value();
  io::Worker worker_{"metrics"};
  std::unique_ptr<MetricStore> store_ = MetricStore::open({.folder = folder_ / "m"}).value();
  io::Address address_;
  std::unique_ptr<http::Server> server_;
};

TEST_F(CollectorTest, StoresWhatEachTargetSays) {
  const auto nobody = io::Address::unix_path((folder_ / "nobody").string()).value();
  Collector collector(*loop_, worker_, *store_, [&] {
    return std::vector<ScrapeTarget>{
        {.address = address_, .labels = {{"app", "shop"}}},
        {.address = address_, .path = "/edge", .labels = {{"host", "one"}}, .is_edge = true},
        {.address = address_, .path = "/nonsense", .labels = {{"app", "a"}}},
        {.address = address_, .path = "/down", .labels = {{"app", "b"}}},
        {.address = nobody, .labels = {{"app", "c"}}}};
  });
  const auto done = io::block_on(*loop_, collector.collect(time_));
  ASSERT_TRUE(done.has_value()) << done.error().message();
  EXPECT_EQ(value("load", {{"app", "shop"}}), 0.5);
  EXPECT_EQ(
      store_->select({"fairlead_edge_requests", {{"environment", "staging"}, {"replica", "web.2"}}})
          .size(),
      1u);
  EXPECT_EQ(value("fairlead_scrape_ok", {{"app", "shop"}}), 1);
  EXPECT_EQ(value("fairlead_scrape_ok", {{"host", "one"}}), 1);
  for (const char* app : {"a", "b", "c"})
    EXPECT_EQ(value("fairlead_scrape_ok", {{"app", app}}), 0) << app;
}

TEST_F(CollectorTest, EndsWhenToldTo) {
  Collector collector(*loop_, worker_, *store_, [] { return std::vector<ScrapeTarget>(); });
  io::Stop stop;
  io::Gate gate(*loop_);
  gate.spawn(collector.run(io::Deadline::never().or_when(stop)));
  EXPECT_EQ(gate.running(), 1u);
  stop.request();
  EXPECT_TRUE(io::block_on(*loop_, gate.drained(io::Deadline::in(10s))).has_value());
}

}  // namespace
}  // namespace fairlead::observe
