#include "edge/cache_store.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/strings.h"

namespace fairlead::edge {

namespace {

// A shard has at least this much, so that its order of eviction means something.
constexpr std::size_t kShardBudget = 16 << 20;
constexpr std::size_t kMaxShards = 256;

std::size_t shards_for(std::size_t budget) {
  return std::clamp<std::size_t>(std::bit_floor(budget / kShardBudget), 1, kMaxShards);
}

bool has_tag(std::string_view tags, std::string_view tag) {
  while (!tags.empty()) {
    const std::string_view one = tags.substr(0, tags.find(' '));
    if (one == tag) return true;
    tags.remove_prefix(std::min(one.size() + 1, tags.size()));
  }
  return false;
}

// One message for each loop, however many wait there.
void tell(std::vector<std::pair<io::Loop*, CacheStore::Waiter>> waiters, FlightEnd end) {
  std::vector<std::pair<io::Loop*, std::vector<CacheStore::Waiter>>> by_loop;
  for (auto& [loop, resume] : waiters) {
    auto group = std::find_if(by_loop.begin(), by_loop.end(),
                              [&](const auto& g) { return g.first == loop; });
    if (group == by_loop.end())
      group = by_loop.emplace(group, loop, std::vector<CacheStore::Waiter>());
    group->second.push_back(std::move(resume));
  }
  for (auto& [loop, group] : by_loop) {
    loop->post([here = std::move(group), end]() mutable {
      for (CacheStore::Waiter& resume : here) resume(end);
    });
  }
}

}  // namespace

void CacheKey::set(std::string_view scheme, std::string_view host, std::uint16_t port,
                   std::string_view target) {
  text.assign(scheme).append("://").append(host);
  const bool usual = port == 0 || port == (scheme == "https" ? 443 : 80);
  if (!usual) text.append(":").append(fmt::format_int(port).c_str());
  text.append(target);
  hash = refusal_hash = cache_hash(text);
}

void CacheKey::set_text(std::string url) {
  text = std::move(url);
  hash = refusal_hash = cache_hash(text);
}

void CacheKey::refuse_apart() { refusal_hash = hash * 0x9e3779b97f4a7c15 + 1; }

CacheStore::CacheStore(Settings settings)
    : shard_count_(shards_for(settings.budget)),
      largest_(std::min(settings.largest, settings.budget / shard_count_ / 2)),
      shards_(new Shard[shard_count_]) {
  for (std::size_t i = 0; i < shard_count_; ++i) {
    shards_[i].entries.budget = settings.budget / shard_count_;
  }
  if (settings.folder.empty()) return;
  disk_ = std::make_unique<CacheDisk>(
      settings.folder, settings.disk, [this](std::string_view text, const CacheBody* body) {
        CacheKey key;
        key.set_text(std::string(text));
        Shard& shard = shard_of(key.hash);
        std::vector<CacheEntryPtr> removed;
        const std::lock_guard lock(shard.entries.mutex);
        shard.entries.remove_key(
            key.hash, key.text,
            [&](const CacheEntry& entry) { return entry.large_body().get() == body; }, removed);
      });
  disk_->load([this](const CacheDisk::Found& found) {
    CacheEntryParts parts = found.parts;
    parts.environment = environment_id(found.environment);
    CacheKey key;
    key.set_text(std::string(parts.key));
    std::vector<CacheEntryPtr> removed;
    Shard& shard = shard_of(key.hash);
    const std::lock_guard lock(shard.entries.mutex);
    if (CacheEntryPtr entry = CacheEntry::make(parts))
      shard.entries.insert(key.hash, std::move(entry), removed);
  });
}

// What is still being written is finished first, and needs the shards.
CacheStore::~CacheStore() { disk_.reset(); }

CacheEntryPtr CacheStore::find(const CacheKey& key, std::span<const http::Field> request) {
  CacheShard& shard = shard_of(key.hash).entries;
  const std::lock_guard lock(shard.mutex);
  return shard.find(key.hash, key.text, request);
}

CacheStore::Turn CacheStore::take_turn(const CacheKey& key, std::span<const http::Field> request,
                                       const CacheEntry* seen, bool may_wait, Instant now,
                                       io::Loop& loop, const std::function<Waiter()>& waiter,
                                       std::unique_ptr<CacheFill>& fill) {
  Shard& shard = shard_of(key.hash);
  const std::lock_guard lock(shard.entries.mutex);
  if (shard.entries.find(key.hash, key.text, request).get() != seen) return Turn::kAgain;
  const Refusal& refusal = refusal_of(shard, key.refusal_hash);
  if (refusal.hash == key.refusal_hash && refusal.until > now) return Turn::kAlone;
  const auto [flight, leads] = shard.flights.try_emplace(key.hash);
  if (leads) {
    flight->second.key = key.text;
    fill = std::make_unique<CacheFill>(*this, key);
    return Turn::kLead;
  }
  if (!may_wait) return Turn::kAlone;
  flight->second.waiters.emplace_back(&loop, waiter());
  return Turn::kWait;
}

bool CacheStore::land(const CacheKey& key, CacheEntryPtr entry, FlightEnd end) {
  std::vector<CacheEntryPtr> removed;
  Flight flight;
  bool stored = false;
  {
    Shard& shard = shard_of(key.hash);
    const std::lock_guard lock(shard.entries.mutex);
    if (auto node = shard.flights.extract(key.hash)) flight = std::move(node.mapped());
    stored = entry && !flight.doomed;
    if (stored) {
      shard.entries.insert(key.hash, std::move(entry), removed);
    }
  }
  tell(std::move(flight.waiters), stored || end != FlightEnd::kStored ? end : FlightEnd::kFailed);
  return stored;
}

void CacheStore::refuse(const CacheKey& key, http::NotStored why, Instant now) {
  Shard& shard = shard_of(key.hash);
  const std::lock_guard lock(shard.entries.mutex);
  refusal_of(shard, key.refusal_hash) = {key.refusal_hash, now + kRememberRefusal, why};
}

// ---- invalidation

template <typename Predicate>
std::size_t CacheStore::purge_where(PurgeMode mode, Instant now, Predicate doomed) {
  std::size_t met = 0;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    std::vector<CacheEntryPtr> removed;
    Shard& shard = shards_[i];
    const std::lock_guard lock(shard.entries.mutex);
    for (auto& [hash, flight] : shard.flights) flight.doomed = true;
    shard.refusals.fill({});
    shard.entries.remove_if(
        [&](const CacheEntry& entry) {
          if (!doomed(entry)) return false;
          ++met;
          if (mode == PurgeMode::kRemove) return true;
          entry.make_stale(now);
          return false;
        },
        removed);
  }
  return met;
}

std::size_t CacheStore::purge_key(const CacheKey& key, PurgeMode mode, Instant now,
                                  std::optional<std::uint16_t> environment) {
  std::size_t met = 0;
  std::vector<CacheEntryPtr> removed;
  Shard& shard = shard_of(key.hash);
  const std::lock_guard lock(shard.entries.mutex);
  if (const auto flight = shard.flights.find(key.hash); flight != shard.flights.end()) {
    flight->second.doomed = true;
  }
  refusal_of(shard, key.hash) = {};
  shard.entries.remove_key(
      key.hash, key.text,
      [&](const CacheEntry& entry) {
        if (entry.environment() != environment.value_or(entry.environment())) return false;
        ++met;
        if (mode == PurgeMode::kMakeStale) entry.make_stale(now);
        return mode == PurgeMode::kRemove;
      },
      removed);
  return met;
}

std::size_t CacheStore::purge_prefix(std::string_view prefix, PurgeMode mode, Instant now) {
  return purge_where(mode, now,
                     [&](const CacheEntry& entry) { return entry.key().starts_with(prefix); });
}

std::size_t CacheStore::purge_tag(std::string_view tag, PurgeMode mode, Instant now,
                                  std::optional<std::uint16_t> environment) {
  return purge_where(mode, now, [&](const CacheEntry& entry) {
    return entry.environment() == environment.value_or(entry.environment()) &&
           has_tag(entry.tags(), tag);
  });
}

std::size_t CacheStore::purge_environment(std::string_view name, PurgeMode mode, Instant now) {
  const std::uint16_t id = environment_id(name);
  return purge_where(mode, now, [&](const CacheEntry& entry) { return entry.environment() == id; });
}

std::size_t CacheStore::purge_all(PurgeMode mode, Instant now) {
  return purge_where(mode, now, [](const CacheEntry&) { return true; });
}

std::uint16_t CacheStore::environment_id(std::string_view name) {
  const std::lock_guard lock(environments_mutex_);
  const auto known = std::ranges::find(environments_, name) - environments_.begin();
  if (known == std::ssize(environments_)) environments_.emplace_back(name);
  // Past 65,535 names numbers repeat: a purge then removes more than it must, never less.
  return static_cast<std::uint16_t>(known);
}

std::string CacheStore::environment_name(std::uint16_t id) const {
  const std::lock_guard lock(environments_mutex_);
  return id < environments_.size() ? environments_[id] : "";
}

void CacheStore::close() {
  disk_.reset();
  for (std::size_t i = 0; i < shard_count_; ++i) {
    const std::lock_guard lock(shards_[i].entries.mutex);
    for (auto& [hash, flight] : shards_[i].flights) flight.waiters.clear();
  }
}

// ---- for people

CacheStore::Stats CacheStore::stats() const {
  Stats sum;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    CacheShard& shard = shards_[i].entries;
    const std::lock_guard lock(shard.mutex);
    sum.entries += shard.entries();
    sum.bytes += shard.bytes();
    sum.budget += shard.budget;
    sum.evictions += shard.evictions();
  }
  if (disk_) sum.disk = disk_->used();
  return sum;
}

std::vector<CacheEntryPtr> CacheStore::entries_of(const CacheKey& key) const {
  std::vector<CacheEntryPtr> found;
  CacheShard& shard = shard_of(key.hash).entries;
  const std::lock_guard lock(shard.mutex);
  shard.collect(key.hash, key.text, found);
  return found;
}

std::optional<http::NotStored> CacheStore::refusal(const CacheKey& key, Instant now) const {
  Shard& shard = shard_of(key.hash);
  const std::lock_guard lock(shard.entries.mutex);
  const Refusal& refusal = refusal_of(shard, key.hash);
  if (refusal.hash != key.hash || refusal.until <= now) return std::nullopt;
  return refusal.why;
}

// ---- filling

CacheFill::~CacheFill() {
  if (!over_) store_.land(key_, {}, FlightEnd::kFailed);
}

void CacheFill::open(const CacheEntryParts& parts, std::optional<std::uint64_t> length) {
  opened_ = true;
  parts_ = parts;
  vary_ = parts.vary;
  tags_ = parts.tags;
  head_ = parts.head;
  left_ = length.value_or(0);
  if (left_ <= kSmall) small_.reserve(left_);
  if (left_ >= CacheDisk::kFrom && store_.disk_) on_disk_ = store_.disk_->begin();
}

bool CacheFill::append(std::string_view data, Instant now) {
  const std::uint64_t size = on_disk_ ? on_disk_->size() : large_ ? large_->size : small_.size();
  const std::uint64_t largest = on_disk_ ? store_.disk_->largest() : store_.largest_;
  if (size + data.size() > largest || (on_disk_ && !on_disk_->append(data))) {
    refuse(http::NotStored::kTooLarge, now);
    return false;
  }
  if (on_disk_) return true;
  if (!large_ && size + std::max<std::uint64_t>(data.size(), left_) <= kSmall) {
    small_ += data;
    left_ -= std::min<std::uint64_t>(left_, data.size());
    return true;
  }
  if (!large_) {
    large_ = std::make_shared<CacheBody>();
    const std::string begun = std::exchange(small_, {});
    left_ += begun.size();
    append(begun, now);
  }
  while (!data.empty()) {
    auto& pieces = large_->pieces;
    if (pieces.empty() || pieces.back().size == pieces.back().capacity) {
      // A known length gets exactly the memory it needs.
      const std::size_t capacity = left_ == 0
                                       ? CacheBody::kPieceSize
                                       : std::min<std::uint64_t>(left_, CacheBody::kPieceSize);
      pieces.push_back({std::make_unique_for_overwrite<char[]>(capacity), 0, capacity});
    }
    CacheBody::Piece& piece = pieces.back();
    const std::size_t n = std::min(data.size(), piece.capacity - piece.size);
    std::memcpy(piece.bytes.get() + piece.size, data.data(), n);
    piece.size += n;
    large_->size += n;
    left_ -= std::min<std::uint64_t>(left_, n);
    data.remove_prefix(n);
  }
  return true;
}

// The flight goes on until the disk has the body; then those who wait are told.
void CacheFill::commit_to_disk() {
  over_ = true;
  struct Kept {
    CacheKey key;
    std::string vary, tags, head;
    CacheEntryParts parts;
  };
  auto kept = std::make_shared<Kept>(Kept{key_, vary_, tags_, head_, parts_});
  // The disk by itself: the store lets go of it before this may run for the last time.
  CacheDisk* disk = store_.disk_.get();
  on_disk_->finish([&store = store_, disk, kept](const CacheBodyPtr& body) {
    CacheEntryParts parts = kept->parts;
    parts.key = kept->key.text;
    parts.vary = kept->vary;
    parts.tags = kept->tags;
    parts.head = kept->head;
    parts.large_body = body;
    CacheEntryPtr entry = body ? CacheEntry::make(parts) : CacheEntryPtr();
    const bool stored =
        store.land(kept->key, entry, entry ? FlightEnd::kStored : FlightEnd::kNotStored);
    if (stored) {
      disk->describe(*entry, store.environment_name(entry->environment()));
    } else if (body) {
      body->file->entered();
      body->file->left();
    }
  });
}

CacheEntryPtr CacheFill::commit() {
  if (on_disk_) {
    commit_to_disk();
    return {};
  }
  CacheEntryParts parts = parts_;
  parts.vary = vary_;
  parts.tags = tags_;
  parts.head = head_;
  parts.small_body = small_;
  if (large_) {
    CacheBody::Piece& last = large_->pieces.back();
    if (last.size < last.capacity) {
      auto fitting = std::make_unique_for_overwrite<char[]>(last.size);
      std::memcpy(fitting.get(), last.bytes.get(), last.size);
      last = {std::move(fitting), last.size, last.size};
    }
    parts.large_body = std::move(large_);
  }
  return store(parts);
}

CacheEntryPtr CacheFill::commit_freshened(CacheEntryParts parts, const CacheEntry& old) {
  parts.large_body = old.large_body();
  if (!parts.large_body && old.body_size() > 0) parts.small_body = old.body_from(0);
  return store(parts);
}

CacheEntryPtr CacheFill::store(const CacheEntryParts& parts) {
  over_ = true;
  CacheEntryParts complete = parts;
  complete.key = key_.text;
  CacheEntryPtr entry = CacheEntry::make(complete);
  const bool stored = store_.land(key_, entry, entry ? FlightEnd::kStored : FlightEnd::kNotStored);
  if (stored && entry->file())
    store_.disk_->describe(*entry, store_.environment_name(entry->environment()));
  return entry;
}

void CacheFill::refuse(http::NotStored why, Instant now) {
  over_ = true;
  large_.reset();
  on_disk_.reset();
  small_.clear();
  store_.refuse(key_, why, now);
  store_.land(key_, {}, FlightEnd::kNotStored);
}

}  // namespace fairlead::edge
