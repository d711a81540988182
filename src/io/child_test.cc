#include "io/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "io/signals.h"
#include "io/sync.h"

namespace fairlead::io {
namespace {

using testing::HasSubstr;

class ChildTest : public testing::Test {
 protected:
  Result<CommandOutput> shell(std::string script, std::size_t limit = 1 << 20) {
    return block_on(
        *loop, run_command(*loop, {.argv = {"sh", "-c", std::move(script)}, .environment = {"A=b"}},
                           Deadline::in(20s), limit));
  }
  ExitStatus wait(Child& child) { return block_on(*loop, child.wait(Deadline::in(20s))).value(); }

  std::unique_ptr<Loop> loop = Loop::create().value();
};

TEST_F(ChildTest, GivesOutputAndExitStatus) {
  const auto output = shell("echo out $A; echo err >&2; exit 3").value();
  EXPECT_EQ(output.out, "out b\n");
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(output.status.to_string(), "exit status 3");
  EXPECT_EQ(shell("kill -9 $$")->status.to_string(), "killed by SIGKILL");
}

TEST_F(ChildTest, NamesTheStepThatFailed) {
  const auto missing =
      Child::spawn(*loop, {.argv = {"no-such-program"}, .environment = {"PATH=/bin"}});
  EXPECT_EQ(missing.error().message(), "exec no-such-program: No such file or directory");
  const auto folder =
      Child::spawn(*loop, {.argv = {"true"}, .environment = {}, .directory = "/no/such"});
  EXPECT_THAT(folder.error().message(), HasSubstr("chdir"));
  EXPECT_EQ(Child::spawn(*loop, {}).error().code(), Code::kInvalid);
}

TEST_F(ChildTest, InheritsNothingButWhatItIsGiven) {
  const auto environment = shell("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=").value();
  EXPECT_EQ(environment.out, "A=b\n");
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  UniqueFd read(pipe[0]), write(pipe[1]);
  auto child = Child::spawn(*loop, {.argv = {"sh", "-c", "echo hello >&7"},
                                    .environment = {},
                                    .descriptors = {{write.get(), 7}}});
  ASSERT_TRUE(child) << child.error().message();
  EXPECT_TRUE(wait(*child).success());
  char buffer[16];
  EXPECT_EQ(::read(read.get(), buffer, sizeof buffer), 6);
}

TEST_F(ChildTest, IsKilledAtTheDeadlineWithItsWholeGroup) {
  const Instant start = now();
  const auto output = block_on(
      *loop, run_command(*loop, {.argv = {"sh", "-c", "sleep 600 & sleep 600"}, .environment = {}},
                         Deadline::in(30ms)));
  EXPECT_EQ(output.error().code(), Code::kTimeout);
  EXPECT_LT(now() - start, 10s);
}

TEST_F(ChildTest, OutputIsBounded) {
  EXPECT_EQ(
      shell("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", 10'000).error().code(),
      Code::kTooLarge);
}

TEST_F(ChildTest, SignalsReachItAndWaitMayBeRepeated) {
  auto child = Child::spawn(*loop, {.argv = {"sleep", "600"}, .environment = {}}).value();
  EXPECT_EQ(block_on(*loop, child.wait(Deadline::in(1ms))).error().code(), Code::kTimeout);
  EXPECT_TRUE(child.signal(SIGTERM));
  EXPECT_EQ(wait(child).signal, SIGTERM);
  EXPECT_EQ(wait(child).signal, SIGTERM);
  EXPECT_EQ(child.signal(SIGTERM).error().code(), Code::kNotFound);
}

TEST_F(ChildTest, AdoptedProcessesAreWaitedFor) {
  auto child = Child::spawn(*loop, {.argv = {"sleep", "600"}, .environment = {}}).value();
  auto adopted = Child::adopt(*loop, child.pid()).value();
  EXPECT_TRUE(adopted.signal(SIGKILL));
  EXPECT_EQ(wait(child).signal, SIGKILL);
  EXPECT_EQ(wait(adopted).to_string(), "exit status unknown");
}

Task<int> next_signal(Signals& signals) {
  ::kill(::getpid(), SIGUSR1);
  co_return (co_await signals.next(Deadline::in(20s))).value();
}

TEST_F(ChildTest, SignalsAreAwaitedAndChildrenGetThemUnblocked) {
  auto signals = Signals::create(*loop, {SIGUSR1, SIGTERM}).value();
  EXPECT_EQ(block_on(*loop, next_signal(signals)), SIGUSR1);
  EXPECT_EQ(shell("kill -TERM $$; sleep 600")->status.signal, SIGTERM);
}

}  // namespace
}  // namespace fairlead::io
