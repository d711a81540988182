#include "edge/cache_store.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "edge/cache_trace_fixture.h"
#include "http/vary.h"

namespace fairlead::edge {
namespace {

using Turn = CacheStore::Turn;

const Instant kStart = now();
constexpr http::Freshness kFresh{.lifetime = 60};

CacheKey key_of(std::string_view target) {
  CacheKey key;
  key.set("https", "example.com", 0, target);
  return key;
}

class CacheStoreTest : public testing::Test {
 protected:
  std::unique_ptr<CacheFill> lead(const CacheKey& key, std::span<const http::Field> request = {}) {
    std::unique_ptr<CacheFill> fill;
    const CacheEntryPtr seen = store_.find(key, request);
    EXPECT_EQ(store_.take_turn(key, request, seen.get(), false, kStart, *loop_, {}, fill),
              Turn::kLead);
    return fill;
  }
  CacheEntryPtr put(std::string_view target, std::string_view body, CacheEntryParts parts = {}) {
    auto fill = lead(key_of(target));
    if (parts.head.empty()) parts.head = "HTTP/1.1 200 OK\r\n";
    if (parts.freshness == http::Freshness{}) parts.freshness = kFresh;
    if (parts.born == Instant{}) parts.born = kStart;
    fill->open(parts, body.size());
    EXPECT_TRUE(fill->append(body, kStart));
    return fill->commit();
  }
  CacheEntryPtr find(std::string_view target) { return store_.find(key_of(target), {}); }
  Turn turn(const CacheKey& key, std::vector<FlightEnd>& ends) {
    std::unique_ptr<CacheFill> fill;
    return store_.take_turn(
        key, {}, nullptr, true, kStart, *loop_,
        [&] { return [&ends](FlightEnd end) { ends.push_back(end); }; }, fill);
  }
  // Runs what was posted to the loop until now.
  void run_loop() {
    loop_->post([this] { loop_->stop(); });
    loop_->run();
  }
  static std::string body_of(const CacheEntry& entry) {
    std::string body;
    if (entry.body_size() > 0) {
      entry.visit_body(0, entry.body_size() - 1, [&](std::string_view piece) {
        body += piece;
        return true;
      });
    }
    return body;
  }

  std::unique_ptr<io::Loop> loop_ = *io::Loop::create();
  CacheStore store_;
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>('a' + i * 7 % 26 + i / 4096 % 3);
  return text;
}

TEST_F(CacheStoreTest, KeepsWhatWasStored) {
  put("/a", "body", {.vary = {}, .tags = "t", .head = "HTTP/1.1 203 X\r\n", .status = 203});
  const CacheEntryPtr entry = find("/a");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->key(), "https://example.com/a");
  EXPECT_EQ(entry->head(), "HTTP/1.1 203 X\r\n");
  EXPECT_EQ(entry->status(), 203);
  EXPECT_EQ(entry->freshness(), kFresh);
  EXPECT_EQ(entry->age(kStart + 5s), 5s);
  EXPECT_EQ(body_of(*entry), "body");
  EXPECT_FALSE(find("/b"));
}

TEST_F(CacheStoreTest, BodiesOfAnySizeComeBackWhole) {
  for (const std::size_t size : {0ul, 1ul, 16'384ul, 16'385ul, 131'072ul, 131'073ul, 1'000'000ul}) {
    for (const bool known : {true, false}) {
      const std::string body = pattern(size);
      auto fill = lead(key_of("/a"));
      fill->open({.head = "h", .freshness = kFresh, .born = kStart},
                 known ? std::optional<std::uint64_t>(size) : std::nullopt);
      for (std::size_t at = 0; at < size; at += 60'000) {
        ASSERT_TRUE(fill->append(std::string_view(body).substr(at, 60'000), kStart));
      }
      fill->commit();
      EXPECT_EQ(body_of(*find("/a")), body) << size << known;
    }
  }
}

TEST_F(CacheStoreTest, PartsOfBodies) {
  const std::string body = pattern(300'000);
  const CacheEntryPtr entry = put("/a", body);
  std::string part;
  entry->visit_body(131'000, 262'200, [&](std::string_view piece) {
    part += piece;
    return true;
  });
  EXPECT_EQ(part, body.substr(131'000, 131'201));
}

TEST_F(CacheStoreTest, NewTakesThePlaceOfOld) {
  put("/a", "old");
  const CacheEntryPtr old = find("/a");
  put("/a", "new");
  EXPECT_EQ(body_of(*find("/a")), "new");
  EXPECT_EQ(body_of(*old), "old");  // who reads it may go on
  EXPECT_EQ(store_.stats().entries, 1u);
}

TEST_F(CacheStoreTest, VariantsStandSideBySide) {
  const auto request = [](std::string_view value) {
    return std::vector<http::Field>{{"foo", value}};
  };
  const std::vector<http::Field> response = {{"vary", "foo", http::FieldId::kVary}};
  for (const char* value : {"1", "2"}) {
    auto fill = lead(key_of("/a"), request(value));
    const std::string vary = http::vary_key(response, request(value));
    fill->open({.vary = vary, .head = "h", .freshness = kFresh, .born = kStart}, {});
    fill->append(value, kStart);
    fill->commit();
  }
  EXPECT_EQ(body_of(*store_.find(key_of("/a"), request("1"))), "1");
  EXPECT_EQ(body_of(*store_.find(key_of("/a"), request("2"))), "2");
  EXPECT_FALSE(store_.find(key_of("/a"), request("3")));
  EXPECT_EQ(store_.entries_of(key_of("/a")).size(), 2u);
  EXPECT_EQ(store_.purge_key(key_of("/a"), PurgeMode::kRemove, kStart), 2u);
  EXPECT_EQ(store_.stats().entries, 0u);
}

TEST_F(CacheStoreTest, VariantsOfOneUrlAreBounded) {
  const std::vector<http::Field> response = {{"vary", "foo", http::FieldId::kVary}};
  for (int i = 0; i < 1000; ++i) {
    const std::string value = std::to_string(i);
    const std::vector<http::Field> request = {{"foo", value}};
    auto fill = lead(key_of("/a"), request);
    fill->open({.vary = http::vary_key(response, request),
                .head = "h",
                .freshness = kFresh,
                .born = kStart + std::chrono::seconds(i)},
               {});
    fill->commit();
  }
  EXPECT_EQ(store_.stats().entries, CacheShard::kMaxVariants);
}

TEST_F(CacheStoreTest, FreshenedEntriesShareTheBody) {
  for (const std::size_t size : {10ul, 500'000ul}) {
    const CacheEntryPtr old = put("/a", pattern(size));
    auto fill = lead(key_of("/a"));
    fill->commit_freshened({.head = "new", .freshness = kFresh, .born = kStart + 9s}, *old);
    const CacheEntryPtr entry = find("/a");
    EXPECT_EQ(entry->head(), "new");
    EXPECT_EQ(body_of(*entry), pattern(size));
    if (size > 100'000) {
      EXPECT_EQ(entry->body_from(0).data(), old->body_from(0).data());
    }
  }
}

TEST_F(CacheStoreTest, OneLeadsAndTheOthersWait) {
  std::vector<FlightEnd> ends;
  auto fill = lead(key_of("/a"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(turn(key_of("/a"), ends), Turn::kWait);
  fill->open({.head = "h", .freshness = kFresh, .born = kStart}, {});
  run_loop();
  EXPECT_TRUE(ends.empty());
  fill->commit();
  run_loop();
  EXPECT_EQ(ends, std::vector<FlightEnd>(3, FlightEnd::kStored));
  EXPECT_EQ(turn(key_of("/a"), ends), Turn::kAgain);  // the answer came between look and turn
}

TEST_F(CacheStoreTest, RefusedAnswersAreNotWaitedForAgain) {
  std::vector<FlightEnd> ends;
  auto fill = lead(key_of("/a"));
  EXPECT_EQ(turn(key_of("/a"), ends), Turn::kWait);
  fill->refuse(http::NotStored::kPrivate, kStart);
  run_loop();
  EXPECT_EQ(ends, std::vector{FlightEnd::kNotStored});
  EXPECT_EQ(turn(key_of("/a"), ends), Turn::kAlone);
  CacheKey authenticated = key_of("/a");
  authenticated.refuse_apart();
  std::unique_ptr<CacheFill> own;
  EXPECT_EQ(store_.take_turn(authenticated, {}, nullptr, false, kStart, *loop_, {}, own),
            Turn::kLead);
  EXPECT_EQ(store_.refusal(key_of("/a"), kStart), http::NotStored::kPrivate);
  EXPECT_EQ(store_.refusal(key_of("/a"), kStart + 1h), std::nullopt);
}

TEST_F(CacheStoreTest, AFetchThatFailsLetsSomebodyElseTry) {
  std::vector<FlightEnd> ends;
  auto fill = lead(key_of("/a"));
  EXPECT_EQ(turn(key_of("/a"), ends), Turn::kWait);
  fill.reset();
  run_loop();
  EXPECT_EQ(ends, std::vector{FlightEnd::kFailed});
  EXPECT_TRUE(lead(key_of("/a")));
}

TEST_F(CacheStoreTest, TooLargeBodiesAreGivenUp) {
  auto fill = lead(key_of("/a"));
  fill->open({.head = "h", .freshness = kFresh, .born = kStart}, {});
  const std::string piece(1 << 20, 'x');
  int taken = 0;
  while (fill->append(piece, kStart)) ++taken;
  EXPECT_EQ(taken, 8);  // half of a shard of 16 MiB
  EXPECT_EQ(store_.refusal(key_of("/a"), kStart), http::NotStored::kTooLarge);
}

TEST_F(CacheStoreTest, Purges) {
  const auto fill_up = [&] {
    for (const char* target : {"/x/1", "/x/2", "/y/1"}) {
      put(target, "b",
          {.tags = target[1] == 'x' ? "all xs" : "all ys",
           .environment = store_.environment_id(target[3] == '1' ? "one" : "two")});
    }
  };
  const auto left = [&] {
    std::string found;
    for (const char* target : {"/x/1", "/x/2", "/y/1"}) {
      if (find(target)) found += std::string(target) + " ";
    }
    return found;
  };
  constexpr auto kRemove = PurgeMode::kRemove;
  fill_up();
  EXPECT_EQ(store_.purge_key(key_of("/x/1"), kRemove, kStart), 1u);
  EXPECT_EQ(left(), "/x/2 /y/1 ");
  fill_up();
  EXPECT_EQ(store_.purge_prefix("https://example.com/x/", kRemove, kStart), 2u);
  EXPECT_EQ(left(), "/y/1 ");
  fill_up();
  EXPECT_EQ(store_.purge_tag("ys", kRemove, kStart), 1u);
  EXPECT_EQ(store_.purge_tag("y", kRemove, kStart), 0u);
  EXPECT_EQ(left(), "/x/1 /x/2 ");
  fill_up();
  EXPECT_EQ(store_.purge_environment("one", kRemove, kStart), 2u);
  EXPECT_EQ(left(), "/x/2 ");
  EXPECT_EQ(store_.purge_all(kRemove, kStart), 1u);
  EXPECT_EQ(store_.stats().bytes, 0u);
}

TEST_F(CacheStoreTest, SoftPurgeMakesStale) {
  put("/a", "b", {.freshness = {.lifetime = 60, .stale_while_revalidate = 30}});
  EXPECT_EQ(store_.purge_key(key_of("/a"), PurgeMode::kMakeStale, kStart + 10s), 1u);
  const CacheEntryPtr entry = find("/a");
  EXPECT_EQ(http::judge_reuse(entry->freshness(), entry->age(kStart + 10s), {}),
            http::Reuse::kStaleWhileRevalidate);
  EXPECT_EQ(http::judge_reuse(entry->freshness(), entry->age(kStart + 40s), {}),
            http::Reuse::kValidate);
}

TEST_F(CacheStoreTest, WhatWasUnderWayDuringAPurgeIsNotStored) {
  auto by_url = lead(key_of("/a"));
  auto by_tag = lead(key_of("/b"));
  auto other = lead(key_of("/c"));
  store_.purge_key(key_of("/a"), PurgeMode::kRemove, kStart);
  for (CacheFill* fill : {by_url.get(), other.get()}) {
    fill->open({.head = "h", .freshness = kFresh, .born = kStart}, {});
    EXPECT_TRUE(fill->commit());  // for the one who asked
  }
  EXPECT_FALSE(find("/a"));
  EXPECT_TRUE(find("/c"));
  store_.purge_tag("t", PurgeMode::kRemove, kStart);
  by_tag->open({.tags = "t", .head = "h", .freshness = kFresh, .born = kStart}, {});
  by_tag->commit();
  EXPECT_FALSE(find("/b"));
}

TEST_F(CacheStoreTest, StaysInsideItsBudgetAndServesReadersOfWhatIsEvicted) {
  const CacheEntryPtr first = put("/0", pattern(40'000));
  for (int i = 1; i < 4000; ++i) put(fmt::format("/{}", i), pattern(40'000));
  const CacheStore::Stats stats = store_.stats();
  EXPECT_LE(stats.bytes, stats.budget);
  EXPECT_GT(stats.bytes, stats.budget * 9 / 10);
  EXPECT_GT(stats.evictions, 2000u);
  EXPECT_EQ(body_of(*first), pattern(40'000));
}

TEST_F(CacheStoreTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([this, seed] {
      std::minstd_rand random(seed + 1);
      for (int i = 0; i < 20'000; ++i) {
        const std::string target = fmt::format("/{}", random() % 500);
        const CacheKey key = key_of(target);
        if (const CacheEntryPtr entry = store_.find(key, {})) {
          ASSERT_EQ(body_of(*entry), target);
          if (random() % 50 == 0) store_.purge_key(key, PurgeMode::kRemove, kStart);
          if (random() % 2000 == 0) store_.purge_prefix("https://", PurgeMode::kRemove, kStart);
          continue;
        }
        std::unique_ptr<CacheFill> fill;
        if (store_.take_turn(key, {}, nullptr, false, kStart, *loop_, {}, fill) != Turn::kLead)
          continue;
        fill->open({.head = "h", .freshness = kFresh, .born = kStart}, {});
        fill->append(target, kStart);
        fill->commit();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CacheEviction, ScansDoNotSweepOutWhatIsPopular) {
  const std::unique_ptr<io::Loop> loop = *io::Loop::create();
  CacheStore store({.budget = 16 << 20});
  const std::string body(16 << 10, 'b');
  const std::size_t fit = (16 << 20) / (body.size() + 250);
  Lru lru(fit);
  ZipfWithScans trace(10'000, 0.9, 3000, 4000);
  int ours = 0, theirs = 0;
  constexpr int kRequests = 100'000;
  for (int i = 0; i < kRequests; ++i) {
    const std::uint64_t id = trace.next();
    theirs += lru.touch(id);
    const CacheKey key = key_of(fmt::format("/{}", id));
    if (store.find(key, {})) {
      ++ours;
      continue;
    }
    std::unique_ptr<CacheFill> fill;
    ASSERT_EQ(store.take_turn(key, {}, nullptr, false, kStart, *loop, {}, fill), Turn::kLead);
    fill->open({.head = "h", .freshness = kFresh, .born = kStart}, body.size());
    fill->append(body, kStart);
    fill->commit();
  }
  RecordProperty("ours", ours * 100.0 / kRequests);
  RecordProperty("lru", theirs * 100.0 / kRequests);
  EXPECT_GE(ours, theirs + kRequests / 20) << "S3-FIFO " << ours << ", LRU " << theirs;
}

}  // namespace
}  // namespace fairlead::edge
