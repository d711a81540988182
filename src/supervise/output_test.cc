#include "supervise/output.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/sync.h"
#include "supervise/test_support.h"

namespace fairlead::supervise {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class OutputTest : public ProcessTest {
 protected:
  std::unique_ptr<Output> open() {
    return Output::open(*loop, folder / "web.1.log", *logs, "web.1").value();
  }
  static void write(Output& output, std::string_view text) {
    const UniqueFd fd = output.child_end().value();
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
};

TEST_F(OutputTest, GivesWholeLinesAndTheRestAtTheEnd) {
  auto output = open();
  write(*output, "one\ntwo\nthr");
  output->drain();
  EXPECT_THAT(log_texts(), ElementsAre("one", "two", "thr"));
}

TEST_F(OutputTest, ReadsOnWhereTheLogWasKept) {
  auto first = open();
  write(*first, "one\ntwo\nthree\n");
  kept.full = true;
  first->drain();
  EXPECT_TRUE(kept.lines.empty());
  first.reset();
  kept.full = false;
  const std::string spool = folder / "web.1.spool";
  kept.positions[spool] = 4;  // "one" is known to be kept
  auto second = open();
  EXPECT_THAT(log_texts(), ElementsAre("two", "three"));
  EXPECT_EQ(kept.positions[spool], 14u);
}

TEST_F(OutputTest, ASpoolThatBeginsAnewIsReadFromItsStart) {
  kept.positions[folder / "web.1.spool"] = 1000;  // of one that is long gone
  auto output = open();
  write(*output, "one\n");
  output->drain();
  EXPECT_THAT(log_texts(), ElementsAre("one"));
}

TEST_F(OutputTest, WhatIsKeptTakesNoDisk) {
  auto output = open();
  const std::string line = std::string(1023, 'x') + "\n";
  std::string many;
  for (int i = 0; i < 512; ++i) many += line;
  for (int i = 0; i < 16; ++i) {
    write(*output, many);
    output->drain();
  }
  struct stat status{};
  ASSERT_EQ(::stat((folder / "web.1.spool").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 8 << 20);
  EXPECT_LT(status.st_blocks * 512, 3 << 20);
}

TEST_F(OutputTest, LeavesNothingBehindWhenAllIsKept) {
  auto output = open();
  write(*output, "one\n");
  output->drain();
  output.reset();
  EXPECT_FALSE(std::filesystem::exists(folder / "web.1.log"));
  EXPECT_FALSE(std::filesystem::exists(folder / "web.1.spool"));
}

}  // namespace
}  // namespace fairlead::supervise
