// A part of the store with a lock, an index and an order of eviction of its own.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "edge/cache_entry.h"
#include "http/head.h"

namespace fairlead::edge {

// Remembers hashes of what was evicted lately, as many as the shard holds entries: what comes back
// soon is worth more than what was never seen. A table with one place for each hash, so that
// remembering costs no search; a forgotten one costs one eviction more.
class GhostTable {
 public:
  void add(std::uint64_t hash, std::size_t remember);
  bool contains(std::uint64_t hash) const;

 private:
  struct Slot {
    std::uint32_t fingerprint = 0;
    std::uint32_t sequence = 0;
  };
  std::vector<Slot> slots_;
  std::uint32_t sequence_ = 0;
  std::size_t remember_ = 0;
};

// Entries by key, evicted by S3-FIFO: newcomers pass a small queue, and only those used again
// before its end reach the main queue, so that a scan cannot sweep out what is popular. A hit
// counts a use and moves nothing. Not synchronised: the owner holds `mutex`.
class alignas(64) CacheShard {
 public:
  // Of one URL: beyond that the oldest makes room, whatever Vary a client can think of.
  static constexpr std::size_t kMaxVariants = 64;

  CacheShard() = default;
  ~CacheShard();
  CacheShard(const CacheShard&) = delete;

  std::mutex mutex;
  std::size_t budget = 0;  // bytes

  // The newest entry of that key which `request` selects; counts a use.
  CacheEntryPtr find(std::uint64_t hash, std::string_view key,
                     std::span<const http::Field> request);
  // Takes the place of an entry with the same key and variant. What had to go is appended to
  // `removed`, for the caller to let go of after unlocking.
  void insert(std::uint64_t hash, CacheEntryPtr entry, std::vector<CacheEntryPtr>& removed);
  // Removes the entries for which `doomed(entry)` holds.
  template <typename Predicate>
  void remove_if(Predicate doomed, std::vector<CacheEntryPtr>& removed) {
    for (std::size_t i = 0; i < slots_.size();) {
      const CacheEntry* entry = entry_of(slots_[i]);
      if (entry && doomed(*entry)) {
        removed.push_back(take_out(i));  // another may have moved here
      } else {
        ++i;
      }
    }
  }
  template <typename Visit>
  void visit(std::uint64_t hash, std::string_view key, Visit visit_entry) const {
    for_key(hash, key, [&](std::size_t slot) { visit_entry(*entry_of(slots_[slot])); });
  }
  template <typename Predicate>
  void remove_key(std::uint64_t hash, std::string_view key, Predicate doomed,
                  std::vector<CacheEntryPtr>& removed) {
    std::vector<const CacheEntry*> found;
    visit(hash, key, [&](const CacheEntry& entry) {
      if (doomed(entry)) found.push_back(&entry);
    });
    for (const CacheEntry* entry : found) removed.push_back(take_out(slot_of(hash, entry)));
  }

  // All variants.
  void collect(std::uint64_t hash, std::string_view key, std::vector<CacheEntryPtr>& found) const;

  std::size_t entries() const { return count_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t evictions() const { return evictions_; }

 private:
  // An entry's address, and above its 48 bits the top 16 of its hash.
  using Slot = std::uint64_t;
  struct Queue {
    CacheEntry* oldest = nullptr;
    CacheEntry* newest = nullptr;
    std::size_t bytes = 0;
  };

  static CacheEntry* entry_of(Slot slot) {
    return reinterpret_cast<CacheEntry*>(slot & 0xffff'ffff'ffff);
  }
  std::size_t home(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  std::size_t after(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  template <typename Visit>
  void for_key(std::uint64_t hash, std::string_view key, Visit visit_slot) const {
    if (slots_.empty()) return;
    for (std::size_t i = home(hash); slots_[i] != 0; i = after(i)) {
      if (slots_[i] >> 48 == hash >> 48 && entry_of(slots_[i])->key() == key) visit_slot(i);
    }
  }
  std::size_t slot_of(std::uint64_t hash, const CacheEntry* entry) const;
  void put(std::uint64_t hash, const CacheEntry* entry);
  void grow();
  CacheEntryPtr take_out(std::size_t slot);
  void push(Queue& queue, CacheEntry* entry);
  void unlink(CacheEntry* entry);
  Queue& queue_of(const CacheEntry* entry) { return entry->in_main_ ? main_ : small_; }
  void make_room(std::vector<CacheEntryPtr>& removed);
  void evict_from_small(std::vector<CacheEntryPtr>& removed);
  void evict_from_main(std::vector<CacheEntryPtr>& removed);
  void evict(CacheEntry* entry, std::uint64_t hash, std::vector<CacheEntryPtr>& removed);

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t evictions_ = 0;
  Queue small_;
  Queue main_;
  GhostTable ghosts_;
};

// A hash that clients cannot predict, so that nobody can fill one place of the index.
std::uint64_t cache_hash(std::string_view key);

}  // namespace fairlead::edge
