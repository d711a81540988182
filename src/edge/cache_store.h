// The edge's cache: stored responses in memory, shared by all loops.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "edge/cache_disk.h"
#include "edge/cache_entry.h"
#include "edge/cache_shard.h"
#include "http/cache_rules.h"
#include "io/loop.h"

namespace fairlead::edge {

class CacheFill;

// What a response is stored under. The text is "scheme://host/path?query".
struct CacheKey {
  std::string text;
  std::uint64_t hash = 0;
  // Under which it is remembered that answers are not for the cache.
  std::uint64_t refusal_hash = 0;

  void set(std::string_view scheme, std::string_view host, std::uint16_t port,
           std::string_view target);
  void set_text(std::string url);
  // The request is authenticated: that its answer is not shared says nothing about others.
  void refuse_apart();
};

// How a fetch ended that others waited for.
enum class FlightEnd : std::uint8_t {
  kStored,     // look again: it is there
  kNotStored,  // nobody else may have that answer: everybody asks for himself
  kFailed,     // no answer came: look again, somebody else may try
};

enum class PurgeMode : std::uint8_t { kRemove, kMakeStale };

// Any thread may call anything. A call holds one shard's lock for a moment; hits of different URLs
// meet at the same lock as rarely as there are shards.
class CacheStore {
 public:
  struct Settings {
    std::size_t budget = 64 << 20;   // bytes
    std::size_t largest = 16 << 20;  // of one body; never more than half a shard
    std::string folder;              // for large bodies; "": all are in memory
    std::uint64_t disk = 1 << 30;    // bytes there
  };
  explicit CacheStore(Settings settings);
  CacheStore() : CacheStore(Settings{}) {}
  ~CacheStore();
  CacheStore(const CacheStore&) = delete;

  // The newest stored response of that key that fits the request's fields, fresh or not; or null.
  CacheEntryPtr find(const CacheKey& key, std::span<const http::Field> request);

  // ---- one fetch for all who want the same
  using Waiter = std::move_only_function<void(FlightEnd)>;
  enum class Turn : std::uint8_t {
    kLead,   // `fill` is set: fetch, and tell it what came
    kWait,   // somebody else fetches; `waiter` will be called on `loop`
    kAgain,  // something else than `seen` is stored by now: look again
    kAlone,  // answers of this URL could not be shared lately: fetch without storing or waiting
  };
  // `seen`: what find() gave. `waiter` is made only if needed. With `may_wait` false kAlone takes
  // the place of kWait.
  Turn take_turn(const CacheKey& key, std::span<const http::Field> request, const CacheEntry* seen,
                 bool may_wait, Instant now, io::Loop& loop, const std::function<Waiter()>& waiter,
                 std::unique_ptr<CacheFill>& fill);

  // ---- invalidation; each returns how many entries it met. Fetches under way are not stored when
  // they end: they may have begun before what the purge is for.
  // With `environment`, only what is of it.
  std::size_t purge_key(const CacheKey& key, PurgeMode mode, Instant now,
                        std::optional<std::uint16_t> environment = {});
  std::size_t purge_prefix(std::string_view prefix, PurgeMode mode, Instant now);
  std::size_t purge_tag(std::string_view tag, PurgeMode mode, Instant now,
                        std::optional<std::uint16_t> environment = {});
  std::size_t purge_environment(std::string_view name, PurgeMode mode, Instant now);
  std::size_t purge_all(PurgeMode mode, Instant now);

  // A number for an environment's name, the same for the same name.
  std::uint16_t environment_id(std::string_view name);

  // Before the loops go: nobody waits any more, and nothing more comes from the disk.
  void close();

  // ---- for people
  struct Stats {
    std::size_t entries = 0;
    std::size_t bytes = 0;
    std::size_t budget = 0;
    std::uint64_t evictions = 0;
    std::uint64_t disk = 0;  // bytes in files
  };
  Stats stats() const;
  std::vector<CacheEntryPtr> entries_of(const CacheKey& key) const;
  // Why the last answer of that URL was not stored, if that is known and lately.
  std::optional<http::NotStored> refusal(const CacheKey& key, Instant now) const;

 private:
  friend class CacheFill;
  // Fetches of URLs whose answers cannot be shared must not wait for each other: remembered for a
  // while, in a table of fixed size where the newer takes the place of the older.
  static constexpr Duration kRememberRefusal = std::chrono::seconds(10);
  struct Refusal {
    std::uint64_t hash = 0;
    Instant until{};
    http::NotStored why = http::NotStored::kStored;
  };
  struct Flight {
    std::string key;
    std::vector<std::pair<io::Loop*, Waiter>> waiters;
    bool doomed = false;  // purged meanwhile
  };
  struct Shard {
    CacheShard entries;
    std::unordered_map<std::uint64_t, Flight> flights;
    std::array<Refusal, 256> refusals;
  };

  Shard& shard_of(std::uint64_t hash) const { return shards_[(hash >> 32) & (shard_count_ - 1)]; }
  static Refusal& refusal_of(Shard& shard, std::uint64_t hash) {
    return shard.refusals[hash % shard.refusals.size()];
  }
  template <typename Predicate>
  std::size_t purge_where(PurgeMode mode, Instant now, Predicate doomed);
  // Ends the flight; stores `entry` unless it is null or was purged meanwhile.
  bool land(const CacheKey& key, CacheEntryPtr entry, FlightEnd end);
  void refuse(const CacheKey& key, http::NotStored why, Instant now);

  std::string environment_name(std::uint16_t id) const;

  std::size_t shard_count_;
  std::size_t largest_;
  std::unique_ptr<Shard[]> shards_;
  mutable std::mutex environments_mutex_;
  std::vector<std::string> environments_;
  std::unique_ptr<CacheDisk> disk_;  // null: all is in memory
};

// A response on its way into the store, by the one exchange that leads. One thread at a time. Its
// end without commit() or refuse() tells those who wait that nothing came.
class CacheFill {
 public:
  CacheFill(CacheStore& store, CacheKey key) : store_(store), key_(std::move(key)) {}
  ~CacheFill();
  CacheFill(const CacheFill&) = delete;

  const CacheKey& key() const { return key_; }

  // The head is known and may be stored; texts are copied. `length` of the body if known.
  void open(const CacheEntryParts& parts, std::optional<std::uint64_t> length);
  bool opened() const { return opened_; }
  // Takes a piece of the body; false when it grew too large: the fill is over, those who wait have
  // been told.
  bool append(std::string_view data, Instant now);
  // The body is whole. The entry is made even if a purge forbids to store it. Null if the body goes
  // to the disk: the entry is there when that has it.
  CacheEntryPtr commit();
  // Stores what an earlier entry becomes by a 304: `parts` with the body of `old`.
  CacheEntryPtr commit_freshened(CacheEntryParts parts, const CacheEntry& old);
  // It is not for the cache: those who wait go their own way.
  void refuse(http::NotStored why, Instant now);

 private:
  CacheEntryPtr store(const CacheEntryParts& parts);
  void commit_to_disk();
  // Bodies up to this stand in their entry's block.
  static constexpr std::size_t kSmall = 16 << 10;

  CacheStore& store_;
  CacheKey key_;
  std::string vary_;
  std::string tags_;
  std::string head_;
  CacheEntryParts parts_;
  std::string small_;
  std::shared_ptr<CacheBody> large_;
  std::unique_ptr<CacheDisk::Writing> on_disk_;  // instead
  std::uint64_t left_ = 0;                       // of a known length
  bool opened_ = false;
  bool over_ = false;
};

}  // namespace fairlead::edge
