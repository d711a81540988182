// What the cache's store does without a network: memory for each object, the longest insertion,
// nanoseconds for a hit on one and two threads, and hits kept through scans beside LRU.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "edge/cache_store.h"
#include "edge/cache_trace_fixture.h"

namespace {

using namespace fairlead;
using namespace fairlead::edge;

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

class Filler {
 public:
  explicit Filler(CacheStore& store) : store_(store) {}
  void put(const CacheKey& key, std::string_view body) {
    std::unique_ptr<CacheFill> fill;
    store_.take_turn(key, {}, nullptr, false, start_, *loop_, {}, fill);
    if (!fill) return;
    fill->open({.head = kHead, .freshness = {.lifetime = 600}, .born = start_}, body.size());
    fill->append(body, start_);
    fill->commit();
  }

 private:
  static constexpr std::string_view kHead =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=600\r\n"
      "Date: Fri, 20 Nov 2026 12:00:00 GMT\r\n";
  CacheStore& store_;
  const Instant start_ = now();
  std::unique_ptr<io::Loop> loop_ = *io::Loop::create();
};

CacheKey key_of(std::uint64_t id) {
  CacheKey key;
  key.set("https", "example.com", 0, fmt::format("/o/{}", id));
  return key;
}

double find_nanoseconds(CacheStore& store, const std::vector<CacheKey>& keys, unsigned threads) {
  constexpr std::size_t kFinds = 2'000'000;
  std::vector<std::thread> running;
  const Instant start = now();
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&store, &keys, t] {
      std::size_t at = t * 7919;
      for (std::size_t i = 0; i < kFinds; ++i) {
        at = (at + 104'729) % keys.size();
        if (!store.find(keys[at], {})) std::abort();
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return static_cast<double>((now() - start).count()) / kFinds;
}

void memory_and_speed() {
  constexpr std::size_t kObjects = 1'000'000;
  CacheStore store({.budget = 6ull << 30});
  Filler filler(store);
  const std::string body(4096, 'b');
  std::vector<CacheKey> hot;
  for (std::uint64_t id = 0; id < 1000; ++id) hot.push_back(key_of(id));
  const std::size_t before = resident_bytes();
  std::vector<std::int64_t> times;
  times.reserve(kObjects);
  const std::size_t own = resident_bytes() - before;
  for (std::uint64_t id = 0; id < kObjects; ++id) {
    const CacheKey key = key_of(id);
    const Instant start = now();
    filler.put(key, body);
    times.push_back((now() - start).count());
  }
  const std::size_t used = resident_bytes() - before - own - kObjects * sizeof times[0];
  std::sort(times.begin(), times.end());
  fmt::print("memory: {} objects of 4 KiB take {} bytes each: 4096 + {}\n", kObjects,
             used / kObjects, static_cast<std::int64_t>(used / kObjects) - 4096);
  fmt::print("insertion: median {} ns, 99.99 % {} us, longest {} us\n", times[kObjects / 2],
             times[kObjects - kObjects / 10'000] / 1000, times.back() / 1000);
  fmt::print(
      "hit: {:.0f} ns on one thread, {:.0f} ns on each of two, {:.0f} ns when both want "
      "the same object\n",
      find_nanoseconds(store, hot, 1), find_nanoseconds(store, hot, 2),
      find_nanoseconds(store, {hot[0]}, 2));
  const Instant start = now();
  const std::size_t purged = store.purge_tag("none", PurgeMode::kRemove, start);
  fmt::print("purge by tag: {} ms for all {} objects ({} met)\n",
             (now() - start) / std::chrono::milliseconds(1), store.stats().entries, purged);
}

void hit_ratio(double skew, std::size_t objects, bool scans) {
  CacheStore store({.budget = 64 << 20});
  Filler filler(store);
  const std::string body(4096, 'b');
  Lru lru((64 << 20) / (body.size() + 260));
  ZipfWithScans trace(objects, skew, 30'000, scans ? 40'000 : 0);
  std::size_t ours = 0, theirs = 0;
  constexpr std::size_t kRequests = 1'000'000;
  for (std::size_t i = 0; i < kRequests; ++i) {
    const std::uint64_t id = trace.next();
    theirs += lru.touch(id);
    const CacheKey key = key_of(id);
    if (store.find(key, {})) {
      ++ours;
    } else {
      filler.put(key, body);
    }
  }
  fmt::print("hits, Zipf {} over {} objects{}: {:.1f} %, LRU {:.1f} %\n", skew, objects,
             scans ? " with scans" : "", static_cast<double>(ours) * 100 / kRequests,
             static_cast<double>(theirs) * 100 / kRequests);
}

// Growing where shards are few and objects small: their indexes are largest then.
void growth() {
  constexpr std::size_t kObjects = 200'000;
  CacheStore store({.budget = 64 << 20});
  Filler filler(store);
  std::int64_t longest = 0;
  for (std::uint64_t id = 0; id < kObjects; ++id) {
    const CacheKey key = key_of(id);
    const Instant start = now();
    filler.put(key, "tiny");
    longest = std::max(longest, static_cast<std::int64_t>((now() - start).count()));
  }
  fmt::print("growth to {} tiny objects in 64 MiB: longest insertion {} us\n", kObjects,
             longest / 1000);
}

}  // namespace

int main() {
  memory_and_speed();
  growth();
  hit_ratio(0.9, 100'000, true);
  hit_ratio(0.9, 100'000, false);
  hit_ratio(1.0, 100'000, true);
}
