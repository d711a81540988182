#include "control/routes.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "control/client.h"
#include "http/server.h"
#include "io/stream.h"

namespace fairlead::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A control whose answers the test gives, and a client of it, over a Unix socket.
class ControlApiTest : public testing::Test {
 protected:
  ControlApiTest() {
    char name[] = "/tmp/fl-control-XXXXXX";
    folder = ::mkdtemp(name);
    socket = folder / "control.sock";
  }
  ~ControlApiTest() override {
    if (server) static_cast<void>(io::block_on(*loop, server->drain(io::Deadline::in(5s))));
    std::filesystem::remove_all(folder);
  }
  void serve(Handlers handlers) {
    server.emplace(*loop, make_routes(std::move(handlers)).handler());
    server->serve(io::listen(io::Address::unix_path(socket.native()).value()).value());
  }
  Result<http::Response> get(std::string target) {
    http::Client client(*loop, io::Address::unix_path(socket.native()).value(), "fairlead");
    http::Request request;
    request.target = std::move(target);
    return io::block_on(*loop, client.send(std::move(request), io::Deadline::in(5s)));
  }

  std::unique_ptr<io::Loop> loop = std::move(io::Loop::create().value());
  std::filesystem::path folder;
  std::filesystem::path socket;
  std::optional<http::Server> server;
};

Status some_status() {
  Status status;
  status.version = "1.2.3";
  status.pid = 42;
  return status;
}

TEST_F(ControlApiTest, StatusIsWhatControlSays) {
  serve({.status = some_status});
  ControlClient client(*loop, socket);
  const auto text = io::block_on(*loop, client.status_json(io::Deadline::in(5s)));
  ASSERT_TRUE(text) << text.error().message();
  const auto status = status_from_json(*text);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->pid, 42);
  EXPECT_EQ(get("/v1/version")->body, "{\"version\":\"1.2.3\"}\n");
}

TEST_F(ControlApiTest, NobodyThereSaysWhatToDo) {
  ControlClient client(*loop, socket);
  const auto text = io::block_on(*loop, client.status_json(io::Deadline::in(5s)));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), Code::kUnavailable);
  EXPECT_THAT(text.error().message(), HasSubstr(socket.native()));
  EXPECT_THAT(text.error().hint(), HasSubstr("fairlead up"));
}

// Gives three batches, then the end.
struct Batches {
  int given = 0;
  static io::Task<Result<std::vector<LogLine>>> next(std::shared_ptr<Batches> self) {
    if (self->given == 3) co_return std::vector<LogLine>();
    const auto text = std::to_string(self->given++);
    co_return std::vector<LogLine>{{wall_now(), "web.1", "a" + text},
                                   {wall_now(), "web.2", "b" + text}};
  }
};

TEST_F(ControlApiTest, LogsAreStreamedWithTheQueryThatWasAsked) {
  LogQuery asked;
  serve({.logs = [&](LogQuery query) -> LogSource {
    asked = query;
    auto batches = std::make_shared<Batches>();
    return [batches](io::Deadline) { return Batches::next(batches); };
  }});
  ControlClient client(*loop, socket);
  std::vector<std::string> lines;
  const auto since = parse_rfc3339("2026-11-20T13:39:18.5Z").value();
  const auto done = io::block_on(
      *loop, client.logs(
                 {.replicas = {"web.1", "a b"}, .since = since, .tail = 7, .follow = true},
                 [&](const LogLine& line) {
                   lines.push_back(line.replica + " " + line.text);
                   return true;
                 },
                 io::Deadline::in(5s)));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_THAT(lines,
              ElementsAre("web.1 a0", "web.2 b0", "web.1 a1", "web.2 b1", "web.1 a2", "web.2 b2"));
  EXPECT_THAT(asked.replicas, ElementsAre("web.1", "a b"));
  EXPECT_EQ(asked.since, since);
  EXPECT_EQ(asked.tail, 7u);
  EXPECT_TRUE(asked.follow);
}

TEST_F(ControlApiTest, WrongQueriesAreRefused) {
  serve({.logs = [](LogQuery) -> LogSource { return {}; }});
  EXPECT_EQ(get("/v1/logs?tail=x")->status, 400);
  EXPECT_EQ(get("/v1/logs?since=yesterday")->status, 400);
  EXPECT_EQ(get("/v1/logs?sinse=1")->status, 400);
  EXPECT_EQ(get("/v2/status")->status, 404);
  EXPECT_EQ(get("/v1/stop")->status, 405);
}

// A request whose answer is only waited for, and whose status is kept.
io::Task<void> ask(io::Loop& loop, io::Address address, std::uint16_t& status) {
  http::Client client(loop, address, "fairlead");
  http::Request request;
  request.target = "/v1/status";
  const auto response = co_await client.send(std::move(request), io::Deadline::in(5s));
  if (response) status = response->status;
}

TEST_F(ControlApiTest, OverTcpNobodyIsKnownAndNobodyAnswered) {
  server.emplace(*loop, make_routes({.status = some_status}).handler());
  auto listening = io::listen(io::Address::ip("127.0.0.1", 0).value()).value();
  const auto address = io::local_address(listening.get()).value();
  server->serve(std::move(listening));
  std::uint16_t status = 0;
  io::block_on(*loop, ask(*loop, address, status));
  EXPECT_EQ(status, 403);
}

TEST_F(ControlApiTest, StopIsPassedOn) {
  bool asked = false;
  serve({.stop = [&] { asked = true; }});
  ControlClient client(*loop, socket);
  EXPECT_TRUE(io::block_on(*loop, client.stop(io::Deadline::in(5s))));
  EXPECT_TRUE(asked);
}

}  // namespace
}  // namespace fairlead::control
