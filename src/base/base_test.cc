#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace fairlead {
namespace {

TEST(Error, ReadsAsASentence) {
  const Error error = Error::system("exec /srv/visitors", ENOENT).in("cannot start web.1");
  EXPECT_EQ(error.message(), "cannot start web.1: exec /srv/visitors: No such file or directory");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.sys(), ENOENT);
}

Result<int> half(int number) {
  if (number % 2) return fail(Code::kInvalid, "odd");
  return number / 2;
}
Result<int> quarter(int number) {
  TRY(const int first, half(number));
  TRY(const int second, half(first));
  return second;
}

TEST(Try, BindsTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(6).error().message(), "odd");
}

TEST(Strings, ParsesOnlyWholePlainNumbers) {
  EXPECT_EQ(parse_unsigned("18446744073709551615"), 18446744073709551615u);
  for (const auto* wrong : {"", "+1", "-1", " 1", "1 ", "1a", "18446744073709551616", "0x10"})
    EXPECT_EQ(parse_unsigned(wrong), std::nullopt) << wrong;
  EXPECT_EQ(parse_unsigned("fF", 16), 255u);
}

TEST(Strings, SplitsKeepingEmptyParts) {
  EXPECT_THAT(split("a,,b,", ','), testing::ElementsAre("a", "", "b", ""));
}

TEST(Strings, SuggestsWhatWasMeant) {
  const std::string_view keys[] = {"replicas", "command", "health"};
  EXPECT_EQ(nearest("replcias", keys), "replicas");
  EXPECT_EQ(nearest("comand", keys), "command");
  EXPECT_EQ(nearest("memory", keys), std::nullopt);
}

TEST(Clock, FormatsForPeersAndPeople) {
  const WallTime time{std::chrono::seconds(784111777) + std::chrono::microseconds(42)};
  EXPECT_EQ(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(rfc3339(time), "1994-11-06T08:49:37.000042Z");
  EXPECT_EQ(human(850ms), "850ms");
  EXPECT_EQ(human(200s), "3m 20s");
}

TEST(File, ReplacesAtomicallyAndReadsBack) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("fairlead-base-{}", ::getpid());
  ASSERT_TRUE(make_directories(folder / "a" / "b"));
  const auto path = folder / "a" / "b" / "state";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(read_file(path).value(), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "a" / "b"), {}), 1);
  EXPECT_EQ(read_file(path, 2).error().code(), Code::kTooLarge);
  EXPECT_EQ(read_file(folder / "none").error().code(), Code::kNotFound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace fairlead
