#include "store/redis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/sync.h"
#include "store/test_folder.h"
#include "store/test_process.h"

namespace fairlead::store {
namespace {

using io::Deadline;
using io::Task;
using testing::HasSubstr;

class RedisServer {
 public:
  explicit RedisServer(const TestFolder& folder, std::vector<std::string> more = {})
      : socket_(folder / "redis.sock"), folder_(folder / ""), more_(std::move(more)) {
    start();
  }
  ~RedisServer() { stop(SIGKILL); }
  std::string url() const { return "unix://" + socket_; }
  pid_t pid() const { return pid_; }
  void start() {
    std::vector<std::string> command = {
        "/usr/bin/redis-server", "--port", "0", "--unixsocket", socket_, "--dir", folder_,
        "--appendonly",          "yes"};
    command.insert(command.end(), more_.begin(), more_.end());
    pid_ = start_in_background(std::move(command));
  }
  void stop(int signal) {
    if (pid_ > 0) end_process(std::exchange(pid_, 0), signal);
  }

 private:
  std::string socket_, folder_;
  std::vector<std::string> more_;
  pid_t pid_ = 0;
};

RedisUrl parse(std::string_view text) {
  return redis_url(parse_store_url("REDIS_URL", text, {"redis", "unix"}).value()).value();
}

struct RedisTest : testing::Test {
  ~RedisTest() override {
    if (redis) io::block_on(*loop, redis->close());
  }
  void open(const std::string& url) { redis = std::make_unique<Redis>(*loop, parse(url)); }
  Result<RedisReply> ask(std::vector<std::string> words, Duration most = 5s) {
    return io::block_on(*loop, redis->command(std::move(words), Deadline::in(most)));
  }
  // Tries again while Redis is unavailable.
  Result<RedisReply> ask_within(std::vector<std::string> words, Duration most) {
    const auto give_up = now() + most;
    for (;;) {
      auto reply = ask(words);
      if (reply || reply.error().code() != Code::kUnavailable || now() > give_up) return reply;
      (void)io::block_on(*loop, io::sleep(*loop, 10ms));
    }
  }
  TestFolder folder;
  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  std::unique_ptr<Redis> redis;
};

Task<void> increment(Redis& redis, std::vector<Result<RedisReply>>& replies) {
  std::vector<std::string> words = {"INCR", "n"};
  replies.push_back(co_await redis.command(std::move(words), Deadline::in(10s)));
}

Task<void> increment_at_once(io::Loop& loop, Redis& redis, int count,
                             std::vector<Result<RedisReply>>& replies) {
  io::Gate gate(loop);
  for (int i = 0; i < count; ++i) gate.spawn(increment(redis, replies));
  (void)co_await gate.drained(Deadline::in(20s));
}

TEST_F(RedisTest, AnswersManyCommandsInFlightInOrder) {
  RedisServer server(folder);
  open(server.url());
  ASSERT_TRUE(ask_within({"PING"}, 5s));
  std::vector<Result<RedisReply>> replies;
  io::block_on(*loop, increment_at_once(*loop, *redis, 5000, replies));
  ASSERT_EQ(replies.size(), 5000u);
  for (std::int64_t i = 0; i < 5000; ++i)
    ASSERT_EQ(replies[static_cast<std::size_t>(i)].value().integer, i + 1);
}

TEST_F(RedisTest, CarriesAnyBytesAndTellsTheKindsApart) {
  RedisServer server(folder);
  open(server.url() + "?db=3");
  const std::string bytes("a\r\n\0$5", 6);
  ASSERT_TRUE(ask_within({"SET", "k", bytes}, 5s));
  EXPECT_EQ(ask({"GET", "k"})->text, bytes);
  EXPECT_EQ(ask({"GET", "none"})->kind, RedisReply::Kind::kNil);
  const auto both = ask({"MGET", "k", "none"}).value();
  ASSERT_EQ(both.elements.size(), 2u);
  EXPECT_EQ(both.elements[0].text, bytes);
  EXPECT_EQ(ask({"INCR", "k"}).error().code(), Code::kInvalid);
  EXPECT_EQ(ask({"EVALSHA", "00", "0"}).error().code(), Code::kNotFound);
  EXPECT_THAT(ask({"CLIENT", "LIST"})->text, HasSubstr("db=3"));
}

TEST_F(RedisTest, ComesBackAfterACrashWithNothingAcknowledgedLost) {
  RedisServer server(folder);
  open(server.url());
  ASSERT_TRUE(ask_within({"PING"}, 5s));
  std::vector<Result<RedisReply>> replies;
  io::block_on(*loop, increment_at_once(*loop, *redis, 100, replies));
  server.stop(SIGKILL);
  EXPECT_EQ(ask_within({"PING"}, 0s).error().code(), Code::kUnavailable);
  server.start();
  EXPECT_EQ(ask_within({"INCR", "n"}, 5s)->integer, 101);
  EXPECT_EQ(redis->stats().reconnects, 1u);
}

TEST_F(RedisTest, AServerThatStandsStillIsGivenUp) {
  RedisServer server(folder);
  open(server.url());
  ASSERT_TRUE(ask_within({"PING"}, 5s));
  ::kill(server.pid(), SIGSTOP);
  EXPECT_EQ(ask({"PING"}, 50ms).error().code(), Code::kTimeout);
  // The silence is noticed, and the next attempt to connect is not answered either.
  EXPECT_TRUE(io::block_on(*loop, io::sleep(*loop, 3s)));
  ::kill(server.pid(), SIGCONT);
  EXPECT_TRUE(ask_within({"PING"}, 6s));
}

TEST_F(RedisTest, AsksForThePassword) {
  RedisServer server(folder, {"--requirepass", "s3cret"});
  open(server.url());
  std::string refused;  // until the server listens: that there is none
  for (const auto give_up = now() + 10s; !refused.contains("NOAUTH") && now() < give_up;) {
    (void)io::block_on(*loop, io::sleep(*loop, 10ms));
    const auto reply = ask({"PING"});
    ASSERT_FALSE(reply);
    refused = reply.error().message();
  }
  EXPECT_THAT(refused, HasSubstr("NOAUTH"));
}

TEST_F(RedisTest, WhatIsNotRedisIsSaidToBeNone) {
  const auto path = (folder / "x.sock").string();
  io::Listener listener(*loop, io::listen(io::Address::unix_path(path).value()).value());
  struct Rubbish {
    static Task<void> talk(io::Listener& listener) {
      auto stream = co_await listener.accept(Deadline::in(5s));
      if (stream) (void)co_await stream->write("HTTP/1.1 200 OK\r\n\r\n", Deadline::in(5s));
    }
  };
  io::Gate gate(*loop);
  gate.spawn(Rubbish::talk(listener));
  open("unix://" + path);
  EXPECT_THAT(ask({"PING"}).error().message(), HasSubstr("does not speak"));
  listener.close();
  ASSERT_TRUE(io::block_on(*loop, gate.drained(Deadline::in(5s))));
}

TEST(RedisUrl, HasHostPortDatabaseAndPassword) {
  const auto url = parse("redis://ada:p%40ss@[::1]:7000/2");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 7000);
  EXPECT_EQ(url.user, "ada");
  EXPECT_EQ(url.password, "p@ss");
  EXPECT_EQ(url.database, 2u);
  EXPECT_EQ(url.shown, "redis://ada:***@[::1]:7000/2");
  EXPECT_EQ(parse("redis://:x@h").password, "x");
  EXPECT_EQ(parse("redis://").host, "127.0.0.1");
  EXPECT_EQ(parse("unix:///run/r.sock?db=4").path, "/run/r.sock");
  EXPECT_FALSE(redis_url(parse_store_url("X", "redis://h:x", {"redis"}).value()));
}

}  // namespace
}  // namespace fairlead::store
