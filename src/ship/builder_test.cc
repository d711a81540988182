#include "ship/builder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "io/sync.h"

namespace fairlead::ship {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class BuilderTest : public testing::Test {
 protected:
  BuilderTest() : folder(fmt::format("/tmp/fairlead-build-{}", ::getpid())) {
    fs::remove_all(folder);
    put("source/main.sh", "echo one");
    put("source/lib/util.sh", "echo util");
    put("source/.gitignore", "junk\n");
    put("source/junk", "left over");
  }
  ~BuilderTest() override { fs::remove_all(folder); }

  void put(const fs::path& name, std::string_view content) {
    ASSERT_TRUE(make_directories((folder / name).parent_path()));
    ASSERT_TRUE(write_file_atomically(folder / name, content));
  }
  void git(const std::string& words) {
    ASSERT_EQ(
        std::system(
            fmt::format("cd {}/source && git -c user.name=t -c user.email=t@t {} >/dev/null 2>&1",
                        folder.string(), words)
                .c_str()),
        0);
  }
  Result<BuildResult> run(std::string command, Duration limit = 20s) {
    lines.clear();
    BuildRequest request{.source = folder / "source",
                         .copy = folder / "copy",
                         .log = folder / "build.log",
                         .command = std::move(command),
                         .environment = {"PATH=/usr/bin:/bin", "VERSION=1.0.1+build.17"}};
    return io::block_on(*loop, build(
                                   *loop, worker, std::move(request),
                                   [this](std::string_view line) { lines.emplace_back(line); },
                                   io::Deadline::in(limit)));
  }

  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  io::Worker worker{"build"};
  fs::path folder;
  std::vector<std::string> lines;
};

TEST_F(BuilderTest, StreamsItsOutputAndKeepsIt) {
  ASSERT_TRUE(run("sh main.sh; echo err >&2; echo $VERSION; printf 'no newline'"));
  EXPECT_THAT(lines, ElementsAre("one", "err", "1.0.1+build.17", "no newline"));
  EXPECT_EQ(read_file(folder / "build.log").value(), "one\nerr\n1.0.1+build.17\nno newline");
}

TEST_F(BuilderTest, SeesOnlyWhatBelongsToTheSource) {
  git("init -q -b main");
  git("add .");
  git("commit -q -m x");
  put("source/new.sh", "untracked, not ignored");
  const auto result = run("ls -A | grep -v fairlead").value();
  EXPECT_THAT(lines, ElementsAre(".gitignore", "lib", "main.sh", "new.sh"));
  EXPECT_EQ(result.source.commit.size(), 40u);
  EXPECT_TRUE(result.source.changed);
}

TEST_F(BuilderTest, TheNextBuildCopiesOnlyWhatChangedAndKeepsWhatTheLastOneMade) {
  EXPECT_EQ(run("echo made > output").value().copied.files, 4u);
  EXPECT_EQ(run("cat output").value().copied.files, 0u);
  EXPECT_THAT(lines, ElementsAre("made"));
  put("source/main.sh", "echo two");
  fs::remove(folder / "source/lib/util.sh");
  const auto result = run("sh main.sh; ls lib").value();
  EXPECT_EQ(result.copied.files, 1u);
  EXPECT_EQ(result.copied.removed, 1u);
  EXPECT_THAT(lines, ElementsAre("two"));
}

TEST_F(BuilderTest, AFailureNamesTheStatusAndTheLog) {
  const auto failed = run("echo broken; exit 3");
  EXPECT_EQ(failed.error().code(), Code::kInvalid);
  EXPECT_EQ(failed.error().message(), "the build command failed: exit status 3");
  EXPECT_THAT(failed.error().hint(), HasSubstr("build.log"));
  EXPECT_THAT(lines, ElementsAre("broken"));
}

TEST_F(BuilderTest, IsEndedAtItsDeadlineWithAllThatItStarted) {
  EXPECT_EQ(run("sleep 600 & sleep 600", 50ms).error().code(), Code::kTimeout);
}

}  // namespace
}  // namespace fairlead::ship
