// Large bodies in files, through the store that uses them.
#include "edge/cache_disk.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "edge/cache_store.h"
#include "io/stream.h"
#include "io/sync.h"

namespace fairlead::edge {
namespace {

namespace fs = std::filesystem;

std::string body_of_size(std::size_t size, char seed) {
  std::string body(size, seed);
  for (std::size_t i = 0; i < size; i += 997) body[i] = static_cast<char>('a' + i % 26);
  return body;
}

class CacheDiskTest : public testing::Test {
 protected:
  CacheDiskTest()
      : loop_(*io::Loop::create()),
        folder_(testing::TempDir() + fmt::format("cache-disk-{}", ::getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    start();
  }
  ~CacheDiskTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  // As if the edge had ended and been started again.
  void start(std::uint64_t disk = 64 << 20) {
    store_.reset();
    store_ = std::make_unique<CacheStore>(
        CacheStore::Settings{.budget = 16 << 20, .folder = folder_, .disk = disk});
  }

  void put(const std::string& url, const std::string& body, std::string_view tags = "") {
    CacheKey key;
    key.set_text(url);
    std::unique_ptr<CacheFill> fill;
    const CacheEntryPtr seen = store_->find(key, {});
    ASSERT_EQ(store_->take_turn(key, {}, seen.get(), false, now(), *loop_, {}, fill),
              CacheStore::Turn::kLead);
    fill->open({.tags = tags,
                .head = "HTTP/1.1 200 OK\r\nX-Bytes: \xff\r\n",
                .environment = store_->environment_id("air/production"),
                .freshness = {.lifetime = 3600},
                .born = now() - 100s},
               body.size());
    for (std::size_t at = 0; at < body.size(); at += 100'000)
      ASSERT_TRUE(fill->append(std::string_view(body).substr(at, 100'000), now()));
    fill->commit();
  }
  CacheEntryPtr find(const std::string& url) {
    CacheKey key;
    key.set_text(url);
    return store_->find(key, {});
  }
  // Without asking for it.
  bool is_there(const std::string& url) {
    CacheKey key;
    key.set_text(url);
    return !store_->entries_of(key).empty();
  }
  static std::string all_of(const CacheEntry& entry) {
    std::string bytes;
    while (bytes.size() < entry.body_size()) bytes += entry.body_from(bytes.size());
    return bytes;
  }
  // The disk works on a thread of its own.
  static io::Task<void> until(io::Loop& loop, std::function<bool()> condition) {
    const io::Deadline deadline = io::Deadline::in(20s);
    while (!condition() && !deadline.passed())
      static_cast<void>(co_await io::sleep(loop, 1ms, deadline));
    EXPECT_TRUE(condition());
  }
  void wait(std::function<bool()> condition) {
    io::block_on(*loop_, until(*loop_, std::move(condition)));
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::unique_ptr<io::Loop> loop_;
  std::string folder_;
  std::unique_ptr<CacheStore> store_;
};

TEST_F(CacheDiskTest, ServesFromTheFileAndTakesHardlyAnyMemory) {
  const std::string body = body_of_size(3'000'001, 'x');
  put("http://h/large", body);
  wait([&] { return bool(find("http://h/large")); });
  const CacheEntryPtr entry = find("http://h/large");
  ASSERT_TRUE(entry->file());
  EXPECT_EQ(all_of(*entry), body);
  EXPECT_EQ(store_->stats().disk, body.size());
  EXPECT_LT(store_->stats().bytes, 2000u);
}

TEST_F(CacheDiskTest, SmallBodiesStayInMemory) {
  put("http://h/small", body_of_size(100'000, 'x'));
  ASSERT_TRUE(find("http://h/small"));
  EXPECT_FALSE(find("http://h/small")->file());
  EXPECT_EQ(files(), 0u);
}

TEST_F(CacheDiskTest, OutlivesARestart) {
  const std::string body = body_of_size(1'000'000, 'x');
  put("http://h/large?a=1", body, "air sea");
  start();
  wait([&] { return bool(find("http://h/large?a=1")); });
  const CacheEntryPtr entry = find("http://h/large?a=1");
  EXPECT_EQ(all_of(*entry), body);
  EXPECT_EQ(entry->head(), "HTTP/1.1 200 OK\r\nX-Bytes: \xff\r\n");
  EXPECT_EQ(entry->tags(), "air sea");
  EXPECT_EQ(entry->freshness().lifetime, 3600u);
  EXPECT_GE(entry->age(now()), 100s);
  EXPECT_LT(entry->age(now()), 130s);
  EXPECT_EQ(store_->purge_environment("air/production", PurgeMode::kRemove, now()), 1u);
  EXPECT_EQ(store_->stats().disk, 0u);
}

TEST_F(CacheDiskTest, WhatWasPurgedDoesNotComeBack) {
  for (const char* url : {"http://h/1", "http://h/2", "http://h/3"})
    put(url, body_of_size(300'000, 'x'), "air");
  wait([&] { return files() == 6 && find("http://h/3"); });
  const CacheEntryPtr reading = find("http://h/1");  // somebody still reads it
  CacheKey key;
  key.set_text("http://h/1");
  EXPECT_EQ(store_->purge_key(key, PurgeMode::kRemove, now()), 1u);
  EXPECT_EQ(files(), 4u);
  EXPECT_EQ(all_of(*reading).size(), 300'000u);
  key.set_text("http://h/2");
  EXPECT_EQ(store_->purge_key(key, PurgeMode::kMakeStale, now()), 1u);
  EXPECT_TRUE(find("http://h/2"));
  start();
  wait([&] { return bool(find("http://h/3")); });
  EXPECT_FALSE(find("http://h/1"));
  EXPECT_FALSE(find("http://h/2"));
  EXPECT_EQ(files(), 2u);
}

TEST_F(CacheDiskTest, ANewerAnswerTakesTheOldOnesPlace) {
  put("http://h/large", body_of_size(300'000, 'x'));
  wait([&] { return files() == 2; });
  const std::string newer = body_of_size(400'000, 'y');
  put("http://h/large", newer);
  wait([&] { return store_->stats().disk == newer.size(); });
  EXPECT_EQ(all_of(*find("http://h/large")), newer);
  put("http://h/large", "small now");
  EXPECT_EQ(store_->stats().disk, 0u);
  EXPECT_EQ(all_of(*find("http://h/large")), "small now");
}

TEST_F(CacheDiskTest, KeepsToItsBudgetAndWhatIsAskedFor) {
  start(4'000'000);
  for (int i = 0; i < 30; ++i) {
    put(fmt::format("http://h/{}", i), body_of_size(500'000, 'x'));
    wait([&] { return is_there(fmt::format("http://h/{}", i)); });
    EXPECT_TRUE(find("http://h/0"));  // asked for each time
    EXPECT_LE(store_->stats().disk, 4'500'000u);
  }
  wait([&] { return store_->stats().disk <= 4'000'000; });
  EXPECT_FALSE(is_there("http://h/5"));
}

TEST_F(CacheDiskTest, IgnoresWhatIsBroken) {
  put("http://h/large", body_of_size(300'000, 'x'));
  put("http://h/whole", body_of_size(300'000, 'x'));
  store_.reset();
  std::vector<fs::path> files_now;
  for (const auto& entry : fs::directory_iterator(folder_)) files_now.push_back(entry.path());
  std::ranges::sort(files_now);
  ASSERT_EQ(files_now.size(), 4u);
  fs::resize_file(files_now[0], 100);  // the first body
  std::ofstream(folder_ + "/00000000000000000001.head") << "fairlead cache 1\nrubbish";
  std::ofstream(folder_ + "/00000000000000000002.body") << "alone";
  start();
  wait([&] { return find("http://h/whole") && files() == 2; });
  EXPECT_FALSE(find("http://h/large"));
}

}  // namespace
}  // namespace fairlead::edge
