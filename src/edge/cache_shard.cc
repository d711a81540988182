#include "edge/cache_shard.h"

#include <bit>
#include <cstring>
#include <random>

#include "base/strings.h"
#include "edge/cache_disk.h"
#include "http/vary.h"

namespace fairlead::edge {

namespace {

constexpr std::uint8_t kMaxUses = 3;

// A newcomer must have been used this often to reach the main queue.
constexpr std::uint8_t kUsesToStay = 1;

// The value of a field in a stored head, "" without it.
std::string_view field_in(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        iequals(line.substr(0, name.size()), name)) {
      return trim(line.substr(name.size() + 1));
    }
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 2);
  }
  return {};
}

bool selected_by(const CacheEntry& entry, std::span<const http::Field> request) {
  if (entry.vary().empty()) return true;
  std::string scratch;
  return http::selects(entry.vary(), field_in(entry.head(), "content-language"), request, scratch);
}

}  // namespace

std::uint64_t cache_hash(std::string_view key) {
  static const std::uint64_t secret = [] {
    std::random_device random;
    return (std::uint64_t{random()} << 32 | random()) | 1;
  }();
  const auto fold = [](std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t hash = secret ^ key.size() * kOdd;
  while (!key.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(key.size(), sizeof word);
    std::memcpy(&word, key.data(), size);
    hash = fold(hash ^ word, secret ^ kOdd);
    hash = std::rotl(hash, 23) + kOdd;
    key.remove_prefix(size);
  }
  return fold(hash, secret);
}

void GhostTable::add(std::uint64_t hash, std::size_t remember) {
  remember_ = remember;
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(remember, 64) * 2);
  if (slots_.size() < wanted) {
    const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(wanted));
    // A fingerprint has the hash's low 32 bits, so its place follows from it.
    for (const Slot& slot : old) {
      if (slot.sequence != 0) slots_[slot.fingerprint & (wanted - 1)] = slot;
    }
  }
  const auto fingerprint = static_cast<std::uint32_t>(hash);
  slots_[fingerprint & (slots_.size() - 1)] = {fingerprint, ++sequence_};
}

bool GhostTable::contains(std::uint64_t hash) const {
  if (slots_.empty()) return false;
  const auto fingerprint = static_cast<std::uint32_t>(hash);
  const Slot& slot = slots_[fingerprint & (slots_.size() - 1)];
  return slot.sequence != 0 && slot.fingerprint == fingerprint &&
         sequence_ - slot.sequence < remember_;
}

CacheShard::~CacheShard() {
  for (const Slot slot : slots_) {
    if (const CacheEntry* entry = entry_of(slot)) entry->release();
  }
}

CacheEntryPtr CacheShard::find(std::uint64_t hash, std::string_view key,
                               std::span<const http::Field> request) {
  const CacheEntry* best = nullptr;
  for_key(hash, key, [&](std::size_t slot) {
    const CacheEntry* entry = entry_of(slots_[slot]);
    if ((!best || entry->born_ > best->born_) && selected_by(*entry, request)) best = entry;
  });
  if (!best) return {};
  if (best->uses_ < kMaxUses) ++best->uses_;
  if (CacheFile* file = best->file()) file->touch();
  best->references_.fetch_add(1, std::memory_order_relaxed);
  return CacheEntryPtr(best);
}

void CacheShard::insert(std::uint64_t hash, CacheEntryPtr shared,
                        std::vector<CacheEntryPtr>& removed) {
  std::size_t variants = 0;
  const CacheEntry* oldest = nullptr;
  const CacheEntry* same = nullptr;
  for_key(hash, shared->key(), [&](std::size_t slot) {
    const CacheEntry* entry = entry_of(slots_[slot]);
    ++variants;
    if (entry->vary() == shared->vary()) same = entry;
    if (!oldest || entry->born_ < oldest->born_) oldest = entry;
  });
  auto* entry = const_cast<CacheEntry*>(std::exchange(shared.entry_, nullptr));
  if (CacheFile* file = entry->file()) file->entered();  // the one replaced may share it
  const CacheEntry* replaced = same ? same : variants >= kMaxVariants ? oldest : nullptr;
  bool to_main = ghosts_.contains(hash);
  if (replaced) {
    if (replaced == same) {
      entry->uses_ = same->uses_;
      to_main = same->in_main_;
    }
    removed.push_back(take_out(slot_of(hash, replaced)));
  }
  entry->in_main_ = to_main;
  if ((count_ + 1) * 4 > slots_.size() * 3) grow();
  put(hash, entry);
  ++count_;
  push(queue_of(entry), entry);
  make_room(removed);
}

void CacheShard::collect(std::uint64_t hash, std::string_view key,
                         std::vector<CacheEntryPtr>& found) const {
  visit(hash, key, [&](const CacheEntry& entry) {
    entry.references_.fetch_add(1, std::memory_order_relaxed);
    found.push_back(CacheEntryPtr(&entry));
  });
}

// ---- the index: open addressing, linear probing

void CacheShard::put(std::uint64_t hash, const CacheEntry* entry) {
  std::size_t i = home(hash);
  while (slots_[i] != 0) i = after(i);
  slots_[i] = reinterpret_cast<std::uint64_t>(entry) | hash >> 48 << 48;
}

void CacheShard::grow() {
  const std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(slots_.size() * 2, 16)));
  for (const Slot slot : old) {
    if (const CacheEntry* entry = entry_of(slot)) put(cache_hash(entry->key()), entry);
  }
}

std::size_t CacheShard::slot_of(std::uint64_t hash, const CacheEntry* entry) const {
  std::size_t i = home(hash);
  while (entry_of(slots_[i]) != entry) i = after(i);
  return i;
}

// Moves up what follows, so that no search ends early: no tombstones.
CacheEntryPtr CacheShard::take_out(std::size_t slot) {
  CacheEntry* entry = entry_of(slots_[slot]);
  unlink(entry);
  --count_;
  std::size_t hole = slot;
  for (std::size_t i = after(hole); slots_[i] != 0; i = after(i)) {
    const std::size_t ideal = home(cache_hash(entry_of(slots_[i])->key()));
    const std::size_t mask = slots_.size() - 1;
    if (((i - ideal) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = 0;
  if (CacheFile* file = entry->file()) file->left();
  return CacheEntryPtr(entry);
}

// ---- the queues

void CacheShard::push(Queue& queue, CacheEntry* entry) {
  entry->previous_ = queue.newest;
  entry->next_ = nullptr;
  (queue.newest ? queue.newest->next_ : queue.oldest) = entry;
  queue.newest = entry;
  const std::size_t cost = entry->cost();
  queue.bytes += cost;
  bytes_ += cost;
}

void CacheShard::unlink(CacheEntry* entry) {
  Queue& queue = queue_of(entry);
  (entry->previous_ ? entry->previous_->next_ : queue.oldest) = entry->next_;
  (entry->next_ ? entry->next_->previous_ : queue.newest) = entry->previous_;
  const std::size_t cost = entry->cost();
  queue.bytes -= cost;
  bytes_ -= cost;
}

void CacheShard::make_room(std::vector<CacheEntryPtr>& removed) {
  while (bytes_ > budget && count_ > 0) {
    const bool small_is_full = small_.bytes > budget / 10;
    if (small_.oldest && (small_is_full || !main_.oldest)) {
      evict_from_small(removed);
    } else {
      evict_from_main(removed);
    }
  }
}

void CacheShard::evict_from_small(std::vector<CacheEntryPtr>& removed) {
  CacheEntry* entry = small_.oldest;
  if (entry->uses_ >= kUsesToStay) {
    unlink(entry);
    entry->in_main_ = true;
    entry->uses_ = 0;
    push(main_, entry);
    return;
  }
  const std::uint64_t hash = cache_hash(entry->key());
  ghosts_.add(hash, count_);
  evict(entry, hash, removed);
}

void CacheShard::evict_from_main(std::vector<CacheEntryPtr>& removed) {
  CacheEntry* entry = main_.oldest;
  if (entry->uses_ > 0) {
    --entry->uses_;
    unlink(entry);
    push(main_, entry);
    return;
  }
  evict(entry, cache_hash(entry->key()), removed);
}

void CacheShard::evict(CacheEntry* entry, std::uint64_t hash, std::vector<CacheEntryPtr>& removed) {
  removed.push_back(take_out(slot_of(hash, entry)));
  ++evictions_;
}

}  // namespace fairlead::edge
