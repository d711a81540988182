// A stored response: immutable, shared between loops without copies.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/cache_rules.h"

namespace fairlead::edge {

class CacheFile;  // cache_disk.h

// A body too large to stand in its entry's block, in pieces or in a file. Several entries may share
// it (one freshened by a 304 takes over the body of the one before).
struct CacheBody {
  CacheBody();
  ~CacheBody();
  static constexpr std::size_t kPieceSize = 128 << 10;
  struct Piece {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
    std::size_t capacity = 0;
  };
  std::vector<Piece> pieces;        // all but the last hold kPieceSize bytes
  std::unique_ptr<CacheFile> file;  // instead
  std::uint64_t size = 0;

  // At most kPieceSize bytes that lie together.
  std::string_view from(std::uint64_t offset) const;
};
using CacheBodyPtr = std::shared_ptr<const CacheBody>;

// What an entry is made of. Views are copied.
struct CacheEntryParts {
  std::string_view key;   // "https://host/path?query"
  std::string_view vary;  // http::vary_key
  std::string_view tags;  // separated by spaces
  std::string_view head;  // "HTTP/1.1 200 OK\r\nname: value\r\n…", without Age and the empty line
  std::string_view small_body;
  CacheBodyPtr large_body;  // instead of small_body
  std::uint16_t status = 200;
  std::uint16_t environment = 0;  // CacheStore::environment_id
  http::Freshness freshness;
  Instant born;  // when the response was made: its age is counted from here
};

class CacheEntryPtr;

// One block of memory holds the object, its texts and a small body: at a million objects every
// further allocation would show. Owned by CacheEntryPtrs; the store's is one of them.
class CacheEntry {
 public:
  static constexpr std::size_t kMaxText = 0xffff;  // of key, vary and tags each
  // Null if one of the texts is too long.
  static CacheEntryPtr make(const CacheEntryParts& parts);

  std::string_view key() const { return {text(), key_size_}; }
  std::string_view vary() const { return {text() + key_size_, vary_size_}; }
  std::string_view tags() const { return {text() + key_size_ + vary_size_, tags_size_}; }
  std::string_view head() const {
    return {text() + key_size_ + vary_size_ + tags_size_, head_size_};
  }
  std::uint64_t body_size() const { return body_ ? (*body_)->size : small_body_size_; }
  // Calls `visit(std::string_view)` for the pieces of bytes first..last (inclusive, inside the
  // body), until it returns false.
  template <typename Visit>
  void visit_body(std::uint64_t first, std::uint64_t last, Visit visit) const {
    while (first <= last) {
      const std::string_view piece = body_from(first).substr(0, last - first + 1);
      first += piece.size();
      if (!visit(piece)) return;
    }
  }
  // What lies together in memory from `offset` on; not empty while offset < body_size().
  std::string_view body_from(std::uint64_t offset) const;
  CacheBodyPtr large_body() const { return body_ ? *body_ : nullptr; }  // null: it is small
  // Null if the body is in memory.
  CacheFile* file() const { return body_ ? (*body_)->file.get() : nullptr; }

  std::uint16_t status() const { return status_; }
  std::uint16_t environment() const { return environment_; }
  Duration age(Instant now) const { return now - born_; }
  http::Freshness freshness() const;
  // Stale from `now` on: a soft purge. Any thread.
  void make_stale(Instant now) const;
  // Bytes of memory it takes, allocator included.
  std::size_t cost() const;

 private:
  friend class CacheEntryPtr;
  friend class CacheShard;
  CacheEntry() = default;
  ~CacheEntry() = default;
  const char* text() const { return reinterpret_cast<const char*>(this + 1); }
  void release() const;

  mutable std::atomic<std::uint32_t> references_ = 1;
  mutable std::atomic<std::uint32_t> lifetime_ = 0;
  // The shard's, under its lock: neighbours in a queue, recent uses, which queue.
  mutable CacheEntry* previous_ = nullptr;
  mutable CacheEntry* next_ = nullptr;
  Instant born_;
  std::unique_ptr<const CacheBodyPtr> body_;  // one word, as most entries have none
  std::uint32_t stale_while_revalidate_ = 0;
  std::uint32_t stale_if_error_ = 0;
  std::uint32_t head_size_ = 0;
  std::uint32_t small_body_size_ = 0;
  std::uint16_t key_size_ = 0;
  std::uint16_t vary_size_ = 0;
  std::uint16_t tags_size_ = 0;
  std::uint16_t environment_ = 0;
  std::uint16_t status_ = 0;
  mutable std::uint8_t uses_ = 0;
  mutable bool in_main_ = false;
  bool validate_always_ = false;
  bool never_stale_ = false;
};

// Shares an entry; any thread.
class CacheEntryPtr {
 public:
  CacheEntryPtr() = default;
  CacheEntryPtr(const CacheEntryPtr& other) : entry_(other.entry_) {
    if (entry_) entry_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  CacheEntryPtr(CacheEntryPtr&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  CacheEntryPtr& operator=(CacheEntryPtr other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~CacheEntryPtr() {
    if (entry_) entry_->release();
  }
  const CacheEntry* operator->() const { return entry_; }
  const CacheEntry& operator*() const { return *entry_; }
  const CacheEntry* get() const { return entry_; }
  explicit operator bool() const { return entry_ != nullptr; }

 private:
  friend class CacheEntry;
  friend class CacheShard;
  explicit CacheEntryPtr(const CacheEntry* owned) : entry_(owned) {}
  const CacheEntry* entry_ = nullptr;
};

}  // namespace fairlead::edge
