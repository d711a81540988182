#include "observe/log_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/file.h"
#include "store/test_folder.h"

namespace fairlead::observe {
namespace {

namespace fs = std::filesystem;
using store::TestFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const LogLabels kWeb{"shop", "production", "v3", "web.1", "app"};
const LogLabels kStaging{"shop", "staging", "v4", "web.1", "app"};

std::unique_ptr<LogStore> open_store(const fs::path& folder, LogStoreOptions options = {}) {
  options.folder = folder;
  auto store = LogStore::open(options);
  EXPECT_TRUE(store.has_value()) << store.error().message();
  return *std::move(store);
}

void add(LogStore& store, const LogLabels& labels, std::string_view text) {
  auto added = store.append_text(store.stream(labels), text);
  ASSERT_TRUE(added.has_value()) << added.error().message();
  added = store.flush();
  ASSERT_TRUE(added.has_value()) << added.error().message();
}

std::vector<std::string> texts(const LogPage& page) {
  EXPECT_THAT(page.problems, IsEmpty());
  std::vector<std::string> found;
  for (const LogLine& line : page.lines) found.push_back(line.text);
  return found;
}

std::vector<fs::path> files(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == extension) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

TEST(LogFields, OfJsonLinesByTheirUsualNames) {
  const auto fields = parse_fields(
      R"({"time":"2026-11-20T13:39:18.123456Z","level":"warn","status":503,"request_id":"ab-1"})");
  ASSERT_TRUE(fields.time);
  EXPECT_EQ(rfc3339(*fields.time), "2026-11-20T13:39:18.123456Z");
  EXPECT_EQ(fields.level, Level::kWarn);
  EXPECT_EQ(fields.status, 503);
  EXPECT_EQ(fields.request_id, "ab-1");
}

TEST(LogFields, OfOtherLogLibraries) {
  const auto pino = parse_fields(R"( {"level":50,"time":1531171074631,"req":{"id":1},"msg":"x"} )");
  EXPECT_EQ(pino.level, Level::kError);
  ASSERT_TRUE(pino.time);
  EXPECT_EQ(rfc3339(*pino.time), "2018-07-09T21:17:54.631000Z");
  const auto zone =
      parse_fields(R"({"@timestamp":"2026-01-01T01:00:00+01:30","severity":"ERROR"})");
  ASSERT_TRUE(zone.time);
  EXPECT_EQ(rfc3339(*zone.time), "2025-12-31T23:30:00.000000Z");
  EXPECT_EQ(zone.level, Level::kError);
}

TEST(LogFields, NoneOfWhatIsNotAnObject) {
  for (const char* text :
       {"", "plain", "{", "{\"level\":\"warn\"", "[{\"level\":\"warn\"}]",
        "{\"level\":\"warn\"} and more", "{\"a\":{\"level\":\"warn\"}}", "{\"status\":99}",
        "{\"status\":\"many\"}", "{\"time\":\"yesterday\"}"}) {
    const auto fields = parse_fields(text);
    EXPECT_FALSE(fields.level || fields.time) << text;
    EXPECT_EQ(fields.status, 0) << text;
  }
}

TEST(LogTerms, AreWordsAndQuotedPhrases) {
  EXPECT_THAT(parse_terms(R"(  connection "out of memory" x)"),
              ElementsAre("connection", "out of memory", "x"));
  EXPECT_THAT(parse_terms(R"("never closed)"), ElementsAre("never closed"));
  EXPECT_THAT(parse_terms(""), IsEmpty());
}

// Every search is asked twice: of lines in a raw segment, and of the same lines sealed.
class LogSearches : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    store_ = open_store(folder_ / "log");
    add(*store_, kWeb, "GET /cart: read time-out\nCache timeout\n");
    add(*store_, kStaging,
        R"({"time":"2026-11-20T10:00:00Z","level":"error","status":503,"request_id":"r-1","message":"Bad"})"
        "\n"
        R"({"time":"2026-11-20T11:00:00Z","level":"info","status":200,"request_id":"r-2","message":"Gut, Grüße"})"
        "\n");
    if (GetParam()) {
      const auto sealed = store_->seal_all();
      ASSERT_TRUE(sealed.has_value()) << sealed.error().message();
      ASSERT_EQ(store_->status().unsealed, 1u);
    }
  }
  std::vector<std::uint64_t> find(const LogQuery& query) {
    std::vector<std::uint64_t> found;
    const LogPage page = store_->newest(query);
    EXPECT_THAT(page.problems, IsEmpty());
    for (const LogLine& line : page.lines) found.push_back(line.sequence);
    return found;
  }
  TestFolder folder_;
  std::unique_ptr<LogStore> store_;
};

TEST_P(LogSearches, GiveLinesAsTheyWereWrittenNewestFirst) {
  const LogPage page = store_->newest({});
  ASSERT_EQ(page.lines.size(), 4u);
  EXPECT_EQ(page.lines[3].text, "GET /cart: read time-out");
  EXPECT_EQ(page.lines[3].sequence, 1u);
  EXPECT_EQ(*page.lines[3].labels, kWeb);
  EXPECT_FALSE(page.lines[3].level);
  EXPECT_EQ(*page.lines[1].labels, kStaging);
  EXPECT_EQ(page.lines[1].level, Level::kError);
  EXPECT_EQ(page.lines[1].status, 503);
  EXPECT_EQ(page.lines[1].request_id, "r-1");
  EXPECT_EQ(rfc3339(page.lines[1].time), "2026-11-20T10:00:00.000000Z");
  EXPECT_FALSE(page.next);
}

TEST_P(LogSearches, FindWholeWordsInAnyCase) {
  EXPECT_THAT(find({.terms = {"TIME"}}), ElementsAre(4, 3, 1));
  EXPECT_THAT(find({.terms = {"timeout"}}), ElementsAre(2));
  EXPECT_THAT(find({.terms = {"time-out", "/cart"}}), ElementsAre(1));
  EXPECT_THAT(find({.terms = {"cart: read"}}), ElementsAre(1));
  EXPECT_THAT(find({.terms = {"grüße"}}), ElementsAre(4));
  EXPECT_THAT(find({.terms = {"car"}}), IsEmpty());
  EXPECT_THAT(find({.terms = {"read", "cache"}}), IsEmpty());
  EXPECT_THAT(find({.terms = {":"}}), ElementsAre(4, 3, 1));
}

TEST_P(LogSearches, FilterByFields) {
  EXPECT_THAT(find({.environment = "staging"}), ElementsAre(4, 3));
  EXPECT_THAT(find({.release = "v3"}), ElementsAre(2, 1));
  EXPECT_THAT(find({.app = "other"}), IsEmpty());
  EXPECT_THAT(find({.replica = "web.1", .source = "app"}), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(find({.least_level = Level::kInfo}), ElementsAre(4, 3));
  EXPECT_THAT(find({.least_level = Level::kWarn}), ElementsAre(3));
  EXPECT_THAT(find({.status_from = 500, .status_to = 599}), ElementsAre(3));
  EXPECT_THAT(find({.status_from = 200, .status_to = 200}), ElementsAre(4));
  EXPECT_THAT(find({.request_id = "r-1"}), ElementsAre(3));
  EXPECT_THAT(find({.request_id = "r"}), IsEmpty());
}

TEST_P(LogSearches, FilterByTime) {
  const WallTime ten(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) + 10h);
  EXPECT_THAT(find({.from = ten, .to = ten + 1h}), ElementsAre(3));
  EXPECT_THAT(find({.from = ten - 1h, .to = ten}), IsEmpty());
}

TEST_P(LogSearches, GoOnAfterRestart) {
  store_.reset();
  store_ = open_store(folder_ / "log");
  add(*store_, kWeb, "one more");
  EXPECT_THAT(find({}), ElementsAre(5, 4, 3, 2, 1));
  EXPECT_THAT(find({.terms = {"more"}}), ElementsAre(5));
}

INSTANTIATE_TEST_SUITE_P(Log, LogSearches, testing::Values(false, true),
                         [](const auto& sealed) { return sealed.param ? "Sealed" : "Raw"; });

// Enough lines for several blocks and segments.
class LogOfManyLines : public testing::Test {
 protected:
  static constexpr std::uint64_t kLines = 40'000;
  void SetUp() override {
    store_ = open_store(folder_ / "log", {.segment_size = 1 << 20});
    const StreamId stream = store_->stream(kWeb);
    for (std::uint64_t i = 1; i <= kLines; i += 100) {
      std::string text;
      for (std::uint64_t n = i; n < i + 100; ++n)
        text += fmt::format("number {} is {} and some words that take their space\n", n,
                            n % 1000 == 0 ? "round" : "odd");
      ASSERT_TRUE(store_->append_text(stream, text).has_value());
    }
    ASSERT_TRUE(store_->flush().has_value());
  }
  TestFolder folder_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(LogOfManyLines, ArePagedWithoutLossOrRepetition) {
  LogQuery query{.terms = {"round"}, .limit = 7};
  std::vector<std::uint64_t> found;
  for (std::optional<std::uint64_t> before = UINT64_MAX; before;) {
    const LogPage page = store_->newest(query, *before);
    EXPECT_THAT(page.problems, IsEmpty());
    EXPECT_LE(page.lines.size(), 7u);
    for (const LogLine& line : page.lines) found.push_back(line.sequence);
    before = page.next;
  }
  ASSERT_EQ(found.size(), kLines / 1000);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], kLines - i * 1000);
}

TEST_F(LogOfManyLines, AreFollowedInOrder) {
  LogQuery query{.terms = {"round"}, .limit = 7};
  std::vector<std::uint64_t> found;
  for (std::uint64_t after = 0;;) {
    const LogPage page = store_->following(query, after);
    for (const LogLine& line : page.lines) found.push_back(line.sequence);
    if (page.next == after) break;
    after = *page.next;
  }
  ASSERT_EQ(found.size(), kLines / 1000);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], (i + 1) * 1000);
}

TEST_F(LogOfManyLines, GiveUpInTimeAndGoOnLater) {
  LogQuery query{.terms = {"40000"}, .give_up = now()};
  const LogPage page = store_->newest(query);
  EXPECT_THAT(page.lines, IsEmpty());
  ASSERT_TRUE(page.next);
  query.give_up = Instant::max();
  EXPECT_EQ(store_->newest(query, *page.next).lines.size(), 1u);
}

TEST_F(LogOfManyLines, FindTheNeedleInASealedSegment) {
  ASSERT_TRUE(store_->seal_all().has_value());
  EXPECT_THAT(texts(store_->newest({.terms = {"12345"}})),
              ElementsAre("number 12345 is odd and some words that take their space"));
  EXPECT_THAT(texts(store_->newest({.terms = {"nowhere"}})), IsEmpty());
}

TEST_F(LogOfManyLines, LoseTheOldestSegmentsToTheQuota) {
  ASSERT_TRUE(store_->seal_all().has_value());
  const auto before = store_->status();
  ASSERT_GT(before.segments, 2u);
  store_.reset();
  const std::uint64_t quota = before.bytes / 2;
  store_ = open_store(folder_ / "log", {.quota = quota, .sync_interval = 1ms});
  const Instant give_up = now() + 10s;
  while (store_->status().bytes > quota && now() < give_up) std::this_thread::yield();
  const auto status = store_->status();
  EXPECT_LE(status.bytes, quota);
  EXPECT_GT(status.oldest_sequence, 1u);
  EXPECT_EQ(status.next_sequence, kLines + 1);
  EXPECT_EQ(store_->newest({.limit = 1}).lines.at(0).sequence, kLines);
}

TEST_F(LogOfManyLines, NameDamagedBlocksAndShowTheRest) {
  ASSERT_TRUE(store_->seal_all().has_value());
  store_.reset();
  const auto sealed = files(folder_ / "log", ".log");
  ASSERT_FALSE(sealed.empty());
  std::fstream file(sealed[0], std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(1000);
  file.write("damage", 6);
  file.close();
  store_ = open_store(folder_ / "log");
  LogQuery all{.limit = kLines + 1};
  const LogPage page = store_->newest(all);
  EXPECT_THAT(page.problems, ElementsAre(HasSubstr("the block at 8 is damaged")));
  EXPECT_GT(page.lines.size(), kLines / 2);
  EXPECT_LT(page.lines.size(), kLines);
}

TEST_F(LogOfManyLines, LeaveOutASegmentWithoutItsEnd) {
  ASSERT_TRUE(store_->seal_all().has_value());
  store_.reset();
  const auto sealed = files(folder_ / "log", ".log");
  ASSERT_GT(sealed.size(), 1u);
  fs::resize_file(sealed[0], fs::file_size(sealed[0]) - 1);
  store_ = open_store(folder_ / "log");
  EXPECT_THAT(store_->status().problems, ElementsAre(HasSubstr("has no footer")));
  EXPECT_EQ(store_->newest({.limit = 1}).lines.at(0).sequence, kLines);
  EXPECT_TRUE(fs::exists(sealed[0]));
}

TEST(LogStore, CutsATornTail) {
  TestFolder folder;
  auto store = open_store(folder / "log");
  add(*store, kWeb, "whole");
  add(*store, kWeb, "torn");
  store.reset();
  const auto raw = files(folder / "log", ".raw");
  ASSERT_EQ(raw.size(), 1u);
  fs::resize_file(raw[0], fs::file_size(raw[0]) - 1);
  store = open_store(folder / "log");
  EXPECT_THAT(store->status().problems, ElementsAre(HasSubstr("torn tail")));
  add(*store, kWeb, "next");
  EXPECT_THAT(texts(store->newest({})), ElementsAre("next", "whole"));
  EXPECT_EQ(store->newest({}).lines[0].sequence, 2u);
}

TEST(LogStore, CutsVeryLongLines) {
  TestFolder folder;
  auto store = open_store(folder / "log");
  add(*store, kWeb, std::string(LogStore::kLongestLine + 1, 'x') + "\nshort");
  const LogPage page = store->newest({});
  ASSERT_EQ(page.lines.size(), 3u);
  EXPECT_EQ(page.lines[2].text.size(), LogStore::kLongestLine);
  EXPECT_EQ(page.lines[1].text, "x");
  EXPECT_EQ(store->append_text(store->stream(kWeb), std::string(20 << 20, 'x')).error().code(),
            Code::kTooLarge);
}

TEST(LogStore, RemembersHowFarSourcesWereReadAcrossSegments) {
  TestFolder folder;
  auto store = open_store(folder / "log");
  const StreamId stream = store->stream(kWeb);
  ASSERT_TRUE(store->append_text(stream, "a\nb", Mark{"spool", 17}).has_value());
  EXPECT_EQ(store->position("spool"), 0u);  // not flushed, not promised
  ASSERT_TRUE(store->append({}, Mark{"gone", 5}).has_value());
  ASSERT_TRUE(store->seal_all().has_value());
  EXPECT_EQ(store->position("spool"), 17u);
  store->forget("gone");
  add(*store, kWeb, "c");
  store.reset();
  for (int restart = 0; restart < 2; ++restart) {
    store = open_store(folder / "log");
    EXPECT_EQ(store->position("spool"), 17u);
    EXPECT_EQ(store->position("gone"), 0u);
    ASSERT_TRUE(store->seal_all().has_value());
    store.reset();
  }
}

TEST(LogStore, WakesThoseWhoWatch) {
  TestFolder folder;
  auto store = open_store(folder / "log");
  int woken = 0;
  auto watch = store->watch([&] { ++woken; });
  ASSERT_TRUE(store->flush().has_value());
  EXPECT_EQ(woken, 0);
  add(*store, kWeb, "x");
  EXPECT_EQ(woken, 1);
  watch.reset();
  add(*store, kWeb, "y");
  EXPECT_EQ(woken, 1);
}

TEST(LogStore, IsSearchedWhileItIsWrittenAndSealed) {
  TestFolder folder;
  auto store = open_store(folder / "log", {.segment_size = 64 << 10, .sync_interval = 1ms});
  const StreamId stream = store->stream(kWeb);
  constexpr std::uint64_t kLines = 20'000;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kLines; i += 20) {
      std::string text;
      for (std::uint64_t n = i; n < i + 20; ++n) text += fmt::format("line {}\n", n);
      if (!store->append_text(stream, text) || !store->flush()) std::abort();
    }
  });
  std::uint64_t after = 0;
  while (after < kLines) {
    const LogPage page = store->following({}, after);
    EXPECT_THAT(page.problems, IsEmpty());
    for (const LogLine& line : page.lines) {
      ASSERT_EQ(line.sequence, after + 1);
      ASSERT_EQ(line.text, fmt::format("line {}", ++after));
    }
  }
  writer.join();
}

// Reads numbered lines from where the store says that it got to, until it is killed.
[[noreturn]] void write_until_killed(const fs::path& folder, int progress) {
  auto store = open_store(folder, {.segment_size = 32 << 10, .sync_interval = 1ms});
  const StreamId stream = store->stream(kWeb);
  for (std::uint64_t position = store->position("source");;) {
    std::string text;
    for (int i = 0; i < 10; ++i) text += fmt::format("{}\n", ++position);
    if (!store->append_text(stream, text, Mark{"source", position})) ::_exit(1);
    if (position % 30 == 0) {
      if (!store->flush() || ::write(progress, &position, sizeof position) < 0) ::_exit(1);
    }
  }
}

TEST(LogStore, LosesAndDoublesNothingWhenKilled) {
  TestFolder folder;
  std::mt19937 random(7);
  std::uint64_t flushed = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(folder / "log", ends[1]);
    ::close(ends[1]);
    for (int n = std::uniform_int_distribution(1, 400)(random); n > 0; --n)
      ASSERT_EQ(::read(ends[0], &flushed, sizeof flushed), static_cast<ssize_t>(sizeof flushed));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (::read(ends[0], &flushed, sizeof flushed) > 0) {
    }
    ::close(ends[0]);
  }
  auto store = open_store(folder / "log");
  std::uint64_t number = 0;
  for (;;) {
    const LogPage page = store->following({.limit = 5000}, number);
    ASSERT_THAT(page.problems, IsEmpty());
    if (page.lines.empty()) break;
    for (const LogLine& line : page.lines) {
      ASSERT_EQ(line.sequence, number + 1);
      ASSERT_EQ(line.text, std::to_string(++number));
    }
  }
  EXPECT_GE(number, flushed);
  EXPECT_EQ(store->position("source"), number);
  EXPECT_GT(store->status().segments, 1u);
}

}  // namespace
}  // namespace fairlead::observe
