#include "supervise/log_book.h"

#include <gmock/gmock.h>

#include <fstream>

#include "supervise/test_support.h"

namespace fairlead::supervise {
namespace {

using testing::ElementsAre;

class LogBookTest : public ProcessTest {
 protected:
  void write(std::string_view replica, std::string_view text) { logs->append(replica, {&text, 1}); }
  static std::vector<std::string> texts(const std::vector<control::LogLine>& lines) {
    std::vector<std::string> result;
    for (const auto& line : lines) result.push_back(line.replica + ": " + line.text);
    return result;
  }
  std::vector<std::string> read(control::LogQuery query) {
    return texts(read_logs(logs->folder(), query).value());
  }
};

TEST_F(LogBookTest, LinesOfAllProcessesComeInOrder) {
  write("web.1", "one");
  write("web.2", "two");
  write("worker.1", "");
  write("web.1", "four  with  spaces ");
  EXPECT_THAT(read({}),
              ElementsAre("web.1: one", "web.2: two", "worker.1: ", "web.1: four  with  spaces "));
  EXPECT_THAT(read({.replicas = {"web.2"}}), ElementsAre("web.2: two"));
  EXPECT_EQ(read({.replicas = {"web"}}).size(), 3u);
  EXPECT_THAT(read({.tail = 2}), ElementsAre("worker.1: ", "web.1: four  with  spaces "));
}

TEST_F(LogBookTest, SinceLeavesOutWhatIsOlder) {
  write("web.1", "old");
  const auto now = read_logs(logs->folder(), {}).value().back().time + 1us;
  while (wall_now() <= now + 1us) {
  }
  write("web.1", "new");
  EXPECT_THAT(read({.since = now}), ElementsAre("web.1: new"));
}

TEST_F(LogBookTest, NothingWrittenIsNoError) { EXPECT_TRUE(read({}).empty()); }

TEST_F(LogBookTest, DiskUseIsBoundedAndTheNewestLinesStay) {
  LogBook small(*loop, folder / "small", {.file_size = 10'000, .files = 3});
  const std::string text(90, 'x');
  std::string_view line = text;
  for (int i = 0; i < 2000; ++i) {
    const std::string numbered = text + std::to_string(i);
    line = numbered;
    small.append("web.1", {&line, 1});
  }
  std::uintmax_t total = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "small"))
    total += entry.file_size();
  EXPECT_LE(total, 30'000u);
  EXPECT_GT(total, 15'000u);
  const auto lines = read_logs(folder / "small", {.tail = 150}).value();
  ASSERT_EQ(lines.size(), 150u);
  EXPECT_EQ(lines.back().text, text + "1999");
  EXPECT_EQ(lines.front().text, text + "1850");  // across a rotation
}

TEST_F(LogBookTest, ADiskThatTakesNothingLosesLinesAndSaysSo) {
  // A folder where the file should be: it cannot be opened.
  std::filesystem::create_directories(folder / "logs/web.1.log");
  write("web.1", "lost");
  write("web.1", "lost too");
  std::filesystem::remove(folder / "logs/web.1.log");
  write("web.1", "kept");
  EXPECT_THAT(read({}), ElementsAre("web.1: [fairlead: 2 lines were lost]", "web.1: kept"));
}

io::Task<std::vector<std::string>> collect(control::LogSource source, std::size_t count) {
  std::vector<std::string> texts;
  while (texts.size() < count) {
    const auto lines = co_await source(io::Deadline::in(10s));
    if (!lines || lines->empty()) break;
    for (const auto& line : *lines) texts.push_back(line.text);
  }
  co_return texts;
}

io::Task<void> write_later(io::Loop& loop, LogBook& book) {
  for (const std::string_view text : {"c", "d", "e"}) {
    static_cast<void>(co_await io::sleep(loop, 1ms));
    book.append("web.1", {&text, 1});
  }
}

io::Task<std::vector<std::string>> follow(io::Loop& loop, LogBook& book) {
  io::Gate gate(loop);
  gate.spawn(write_later(loop, book));
  auto texts = co_await collect(book.read({.follow = true}), 5);
  static_cast<void>(co_await gate.drained(io::Deadline::never()));
  co_return texts;
}

TEST_F(LogBookTest, AFollowerGetsWhatWasAndWhatComes) {
  write("web.1", "a");
  write("web.1", "b");
  EXPECT_THAT(io::block_on(*loop, follow(*loop, *logs)), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(LogBookTest, WhoDoesNotFollowGetsAnEnd) {
  write("web.1", "a");
  EXPECT_THAT(io::block_on(*loop, collect(logs->read({}), 99)), ElementsAre("a"));
}

}  // namespace
}  // namespace fairlead::supervise
