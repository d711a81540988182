#include "supervise/run.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "base/file.h"
#include "io/stream.h"
#include "supervise/listening.h"
#include "supervise/record.h"
#include "supervise/test_support.h"

namespace fairlead::supervise {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class RunTest : public ProcessTest {
 protected:
  std::unique_ptr<Output> open_output(const std::string& name = "web.1") {
    return Output::open(*loop, folder / (name + ".log"), *logs, name).value();
  }
  std::unique_ptr<supervise::Run> start(Command command, Output& output) {
    auto run = supervise::Run::start(*surroundings, command, output);
    EXPECT_TRUE(run) << run.error().message();
    return std::move(run).value();
  }
  void wait(supervise::Run& run) {
    ASSERT_TRUE(io::block_on(*loop, run.exited().wait(io::Deadline::in(20s))));
  }
  static bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }
};

TEST_F(RunTest, OutputIsReadToItsEndBeforeTheExitIsTold) {
  auto output = open_output();
  auto run = start(shell("echo out; echo err >&2; printf unfinished; exit 3"), *output);
  wait(*run);
  EXPECT_EQ(run->status()->code, 3);
  EXPECT_THAT(log_texts(), ElementsAre("out", "err", "unfinished"));
  EXPECT_THAT(output->last_lines(2), ElementsAre("err", "unfinished"));
}

TEST_F(RunTest, AThousandKilobytesOfOutputLoseNothing) {
  auto output = open_output();
  auto run = start(shell("seq 1 150000"), *output);
  wait(*run);
  const auto texts = log_texts();
  ASSERT_EQ(texts.size(), 150'000u);
  EXPECT_EQ(texts.front(), "1");
  EXPECT_EQ(texts.back(), "150000");
}

TEST_F(RunTest, LongLinesComeInPieces) {
  auto output = open_output();
  auto run = start(shell("head -c 40000 /dev/zero | tr '\\0' x; echo"), *output);
  wait(*run);
  const auto texts = log_texts();
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[0].size() + texts[1].size() + texts[2].size(), 40'000u);
}

TEST_F(RunTest, AnErrorNamesTheStepThatFailed) {
  auto output = open_output();
  const auto run =
      supervise::Run::start(*surroundings, {.name = "web.1", .argv = {"no-such-program"}}, *output);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message(), "exec no-such-program: No such file or directory");
}

TEST_F(RunTest, StopAsksFirst) {
  auto output = open_output();
  auto run = start(shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"),
                   *output);
  while (log_texts().empty()) static_cast<void>(io::block_on(*loop, io::sleep(*loop, 5ms)));
  io::block_on(*loop, run->stop(20s));
  EXPECT_EQ(run->status()->code, 0);
  EXPECT_THAT(log_texts(), Contains("bye"));
}

TEST_F(RunTest, StopKillsWhoDoesNotListen) {
  auto output = open_output();
  auto run = start(shell("trap '' TERM; echo ready; while :; do sleep 0.05; done"), *output);
  while (log_texts().empty()) static_cast<void>(io::block_on(*loop, io::sleep(*loop, 5ms)));
  io::block_on(*loop, run->stop(100ms));
  EXPECT_EQ(run->status()->signal, SIGKILL);
}

TEST_F(RunTest, ChildrenEndWithIt) {
  auto output = open_output();
  auto run = start(shell("sleep 1000 & echo $!; exit 0"), *output);
  wait(*run);
  const auto child = static_cast<pid_t>(std::stol(log_texts().at(0)));
  // Killed; the process that reaps it may take a moment.
  for (int i = 0; i < 500 && alive(child); ++i)
    static_cast<void>(io::block_on(*loop, io::sleep(*loop, 10ms)));
  EXPECT_TRUE(!alive(child) || !still_runs({.name = "", .pid = child}));
}

TEST_F(RunTest, EvenChildrenThatLeftItsSessionEndWithIt) {
  if (!cgroups.not_enforced({.processes = 1}).empty())
    GTEST_FAIL() << "this test needs the right to make cgroups";
  auto output = open_output();
  auto run = start(shell("setsid sleep 1000 & echo $!; sleep 0.1; exit 0"), *output);
  wait(*run);
  EXPECT_TRUE(run->members().empty());
}

TEST_F(RunTest, TheKernelKeepsTheMemoryLimitAndItIsCalledSo) {
  auto output = open_output();
  auto command = shell("head -c 200000000 /dev/zero | tail -c 150000000 | wc -c");
  command.limits.memory = 32u << 20;
  auto run = start(command, *output);
  wait(*run);
  EXPECT_TRUE(run->out_of_memory());
  EXPECT_LE(run->memory_peak(), 33u << 20);
  EXPECT_GT(run->memory_peak(), 20u << 20);
}

TEST_F(RunTest, TheKernelKeepsTheCpuLimit) {
  auto output = open_output();
  auto command = shell("timeout 0.6 sh -c 'while :; do :; done'; times | tail -n 1");
  command.limits.cpus = 0.1;
  auto run = start(command, *output);
  wait(*run);
  // "0m0.060000s 0m0.000000s" of the children: 0.6 s at a tenth of a core.
  const std::string times = log_texts().back();
  const double seconds = std::stod(times.substr(times.find('m') + 1));
  EXPECT_LT(seconds, 0.3) << times;
}

TEST_F(RunTest, ARecordFindsItAgain) {
  auto output = open_output();
  auto run = start(shell("sleep 1000"), *output);
  auto records = read_records(folder);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].name, "web.1");
  EXPECT_EQ(records[0].pid, run->pid());
  EXPECT_TRUE(still_runs(records[0]));
  records[0].start += 1;  // another process of the same number
  EXPECT_FALSE(still_runs(records[0]));
  io::block_on(*loop, run->stop(5s));
  EXPECT_TRUE(read_records(folder).empty());
}

TEST_F(RunTest, LeftoversAreEndedAndStrangersAreNot) {
  auto output = open_output();
  auto run = start(shell("trap '' TERM; sleep 1000; sleep 1000"), *output);
  // A record whose process is another one by now.
  ASSERT_TRUE(write_record(folder, "web.2", ::getpid()));
  auto mine = read_file(folder / "web.2.pid").value();
  const auto space = mine.find(' ');
  ASSERT_TRUE(write_file_atomically(
      folder / "web.2.pid",
      mine.substr(0, space + 1) + "1 " + mine.substr(mine.find(' ', space + 1) + 1)));
  const auto found = io::block_on(*loop, end_leftovers(*loop, folder, io::Deadline::in(200ms)));
  EXPECT_THAT(found, ElementsAre("web.1"));
  wait(*run);
  EXPECT_EQ(run->status()->signal, SIGKILL);
}

TEST_F(RunTest, LeftoversThatLeftEverythingAreFoundByTheirMark) {
  auto output = open_output();
  // Its group, session, parent and record are gone; it is found all the same.
  cgroups = CgroupTree();
  const std::string apart = (folder / "apart").native();
  auto run = start(shell("setsid sh -c 'touch " + apart + "; exec sleep 1000' & until [ -e " +
                         apart + " ]; do sleep 0.01; done"),
                   *output);
  wait(*run);
  const auto found = io::block_on(*loop, end_leftovers(*loop, folder, io::Deadline::in(5s)));
  EXPECT_THAT(found, ElementsAre("web.1"));
  EXPECT_THAT(io::block_on(*loop, end_leftovers(*loop, folder, io::Deadline::in(5s))),
              ElementsAre());
}

TEST_F(RunTest, LimitsThatCannotBeKeptAreNamed) {
  const CgroupTree nothing;
  EXPECT_THAT(cgroups.not_enforced({}), ElementsAre());
  const auto tree = CgroupTree::find("none");
  for (const auto& sentence : tree.not_enforced({.memory = 1}))
    EXPECT_THAT(sentence, HasSubstr("memory limit is not enforced"));
  tree.remove();
}

TEST(CommandLine, PlainWordsNeedNoShell) {
  EXPECT_THAT(command_line("visitors serve"), ElementsAre("visitors", "serve"));
  EXPECT_THAT(command_line("  a   b "), ElementsAre("a", "b"));
  EXPECT_THAT(command_line("gunicorn -b :$PORT app"),
              ElementsAre("/bin/sh", "-c", "gunicorn -b :$PORT app"));
  EXPECT_THAT(command_line("a && b"), ElementsAre("/bin/sh", "-c", "a && b"));
}

TEST(Listening, NamesTheOwnerOfAPort) {
  const auto address = io::Address::ip("127.0.0.1", 0).value();
  const auto socket = io::listen(address).value();
  const auto port = io::local_address(socket.get())->port();
  const auto owner = owner_of_port(port);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, ::getpid());
  EXPECT_THAT(owner->command, HasSubstr("supervise_test"));
  EXPECT_THAT(listening_addresses({::getpid()}), Contains("127.0.0.1:" + std::to_string(port)));
  const auto free = free_port();
  EXPECT_NE(free, port);
  EXPECT_FALSE(owner_of_port(free));
}

}  // namespace
}  // namespace fairlead::supervise
