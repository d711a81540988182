#include "supervise/process.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "supervise/test_support.h"

namespace fairlead::supervise {
namespace {

using control::ProcessState;
using testing::Contains;
using testing::HasSubstr;

// An HTTP server of a few lines: answers the status in $STATUS to everything, on $PORT, or on
// $FAIRLEAD_SOCKET when $ON_SOCKET is set.
constexpr const char* kServer = R"(exec python3 -c '
import os, socket
if os.environ.get("ON_SOCKET"):
    s = socket.socket(socket.AF_UNIX); s.bind(os.environ["FAIRLEAD_SOCKET"])
else:
    s = socket.socket(); s.bind(("127.0.0.1", int(os.environ.get("LISTEN_ON", os.environ["PORT"]))))
s.listen(16)
print("listening", flush=True)
while True:
    c, _ = s.accept()
    c.recv(4096)
    head = "HTTP/1.1 " + os.environ["STATUS"] + " X\r\nContent-Length: 2\r\nConnection: close\r\n"
    if os.environ["STATUS"] == "301": head += "Location: https://example.com/\r\n"
    c.sendall((head + "\r\nhi").encode())
    c.close()
')";

class KeptProcessTest : public ProcessTest {
 protected:
  ProcessSpec server(std::string status = "200") const {
    ProcessSpec spec;
    spec.command = shell(kServer);
    spec.command.environment.push_back("STATUS=" + status);
    spec.type = "web";
    spec.serves = true;
    spec.health = "/readyz";
    spec.stop_timeout = 2s;
    return spec;
  }
  ProcessSpec worker(std::string script) const {
    ProcessSpec spec;
    spec.command = shell(std::move(script));
    spec.type = "worker";
    return spec;
  }
  Result<> start(Process& process, Duration patience = 20s) {
    auto started = process.start();
    if (!started) return started;
    return io::block_on(*loop, process.until_ready(io::Deadline::in(patience)));
  }
  void stop(Process& process) { io::block_on(*loop, process.stop()); }
  // Runs the loop until `condition` holds.
  template <typename F>
  bool until(F condition, Duration patience = 20s) {
    const Instant give_up = now() + patience;
    while (!condition() && now() < give_up)
      static_cast<void>(io::block_on(*loop, io::sleep(*loop, 2ms)));
    return condition();
  }
};

TEST_F(KeptProcessTest, IsReadyWhenItAnswersAndStopsWhenTold) {
  Process process(*surroundings, server());
  ASSERT_TRUE(start(process));
  EXPECT_TRUE(process.ready());
  EXPECT_THAT(process.address().to_string(), HasSubstr("127.0.0.1:"));
  const auto status = process.status();
  EXPECT_GT(status.pid, 0);
  EXPECT_EQ(status.restarts, 0u);
  stop(process);
  EXPECT_EQ(process.state(), ProcessState::kStopped);
  EXPECT_EQ(process.status().pid, 0);
  EXPECT_NE(::kill(status.pid, 0), 0);
}

TEST_F(KeptProcessTest, IsServedFromItsUnixSocketWhereItListensThere) {
  auto spec = server();
  spec.command.environment.push_back("ON_SOCKET=1");
  Process process(*surroundings, std::move(spec));
  ASSERT_TRUE(start(process));
  EXPECT_EQ(process.address().path(), (folder / "web.1.sock").string());
  stop(process);
  EXPECT_FALSE(std::filesystem::exists(folder / "web.1.sock"));
}

TEST_F(KeptProcessTest, IsBackWithinTwoSecondsWhenKilledAgainAndAgain) {
  unsigned changes = 0;
  Process process(*surroundings, server(), [&] { ++changes; });
  ASSERT_TRUE(start(process));
  for (int round = 0; round < 3; ++round) {
    const pid_t pid = process.status().pid;
    const unsigned before = changes;
    const Instant killed = now();
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(until([&] {
      return process.status().pid > 0 && process.ready() && process.status().pid != pid;
    }));
    EXPECT_LT(now() - killed, 2s);
    EXPECT_GE(changes - before, 2u);  // that it went, and that it is back
  }
  const auto status = process.status();
  EXPECT_EQ(status.restarts, 3u);
  ASSERT_TRUE(status.failure);
  EXPECT_EQ(status.failure->signal, SIGKILL);
  EXPECT_FALSE(status.failure->out_of_memory);
  EXPECT_THAT(status.failure->cause, HasSubstr("killed by SIGKILL after"));
  stop(process);
}

TEST_F(KeptProcessTest, ACrashLoopShowsExitStatusAndLastLines) {
  Process process(*surroundings, worker("echo cannot open the database; exit 7"));
  const auto ready = start(process);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code(), Code::kUnavailable);
  EXPECT_EQ(process.state(), ProcessState::kCrashLoop);
  ASSERT_TRUE(process.failure());
  EXPECT_EQ(process.failure()->exit_code, 7);
  EXPECT_THAT(process.failure()->cause, HasSubstr("exit status 7 after"));
  EXPECT_THAT(process.failure()->last_lines, Contains("cannot open the database"));
  stop(process);  // while it waits for the next try
  EXPECT_EQ(process.state(), ProcessState::kStopped);
}

TEST_F(KeptProcessTest, AProgramThatIsNotThereIsNamed) {
  ProcessSpec spec;
  spec.command = {.name = "web.1", .argv = {"no-such-program"}, .environment = {}};
  spec.type = "web";
  Process process(*surroundings, spec);
  ASSERT_FALSE(start(process));
  EXPECT_THAT(process.failure()->cause, HasSubstr("no-such-program: No such file"));
  EXPECT_THAT(process.failure()->next_step, HasSubstr("[processes.web]"));
  stop(process);
}

TEST_F(KeptProcessTest, ARedirectIsNotReadyAndIsExplained) {
  auto spec = server("301");
  spec.start_timeout = 1500ms;
  Process process(*surroundings, std::move(spec));
  ASSERT_FALSE(start(process));
  const auto& failure = *process.failure();
  EXPECT_THAT(failure.cause, HasSubstr("answered 301 to https://example.com/"));
  EXPECT_THAT(failure.next_step, HasSubstr("redirect is not followed"));
  ASSERT_TRUE(failure.probe);
  EXPECT_EQ(failure.probe->request, "GET /readyz");
  EXPECT_EQ(failure.probe->status, 301);
  EXPECT_EQ(failure.probe->body, "hi");
  stop(process);
}

TEST_F(KeptProcessTest, AServerErrorIsNotReady) {
  auto spec = server("503");
  spec.start_timeout = 1500ms;
  Process process(*surroundings, std::move(spec));
  ASSERT_FALSE(start(process));
  EXPECT_EQ(process.failure()->probe->status, 503);
  stop(process);
}

TEST_F(KeptProcessTest, TheWrongPortIsNamed) {
  auto spec = server();
  spec.command.environment.push_back("LISTEN_ON=0");
  spec.start_timeout = 1500ms;
  Process process(*surroundings, std::move(spec));
  ASSERT_FALSE(start(process));
  EXPECT_THAT(process.failure()->cause, HasSubstr("it listens on 127.0.0.1:"));
  EXPECT_THAT(process.failure()->next_step, HasSubstr("the port in PORT"));
  stop(process);
}

TEST_F(KeptProcessTest, OutOfMemoryIsCalledSo) {
  auto spec = worker("sleep 0.4; head -c 200000000 /dev/zero | tail -c 150000000; exit 1");
  spec.command.limits.memory = 32u << 20;
  Process process(*surroundings, std::move(spec));
  ASSERT_TRUE(start(process));
  ASSERT_TRUE(until([&] { return process.failure().has_value(); }));
  EXPECT_TRUE(process.failure()->out_of_memory);
  EXPECT_THAT(process.failure()->cause, HasSubstr("at its limit of 32.0 MiB"));
  EXPECT_THAT(process.failure()->next_step, HasSubstr("raise 'memory' in [processes.worker]"));
  stop(process);
}

TEST(Backoff, IsAtOnceThenGrowsThenStays) {
  Backoff backoff;
  EXPECT_EQ(backoff.next(), Duration{0});
  Duration last{0};
  for (int i = 0; i < 20; ++i) {
    last = backoff.next();
    EXPECT_LE(last, 36s);
    EXPECT_GE(last, 200ms);
  }
  EXPECT_GE(last, 24s);
  backoff.forget();
  EXPECT_EQ(backoff.next(), Duration{0});
}

}  // namespace
}  // namespace fairlead::supervise
