#include "edge/cache_entry.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "edge/cache_disk.h"

namespace fairlead::edge {

CacheBody::CacheBody() = default;
CacheBody::~CacheBody() = default;

std::string_view CacheBody::from(std::uint64_t offset) const {
  if (file) return file->bytes().substr(offset, kPieceSize);
  const Piece& piece = pieces[offset / kPieceSize];
  const std::size_t start = offset % kPieceSize;
  return {piece.bytes.get() + start, piece.size - start};
}

CacheEntryPtr CacheEntry::make(const CacheEntryParts& parts) {
  if (parts.key.size() > kMaxText || parts.vary.size() > kMaxText || parts.tags.size() > kMaxText) {
    return {};
  }
  const std::string_view texts[] = {parts.key, parts.vary, parts.tags, parts.head,
                                    parts.small_body};
  std::size_t size = sizeof(CacheEntry);
  for (const std::string_view text : texts) size += text.size();
  void* block = std::malloc(size);
  if (!block) throw std::bad_alloc();
  auto* entry = new (block) CacheEntry;
  char* end = reinterpret_cast<char*>(entry + 1);
  for (const std::string_view text : texts) {
    if (!text.empty()) std::memcpy(end, text.data(), text.size());
    end += text.size();
  }
  entry->lifetime_ = parts.freshness.lifetime;
  entry->born_ = parts.born;
  if (parts.large_body) entry->body_ = std::make_unique<CacheBodyPtr>(parts.large_body);
  entry->stale_while_revalidate_ = parts.freshness.stale_while_revalidate;
  entry->stale_if_error_ = parts.freshness.stale_if_error;
  entry->head_size_ = static_cast<std::uint32_t>(parts.head.size());
  entry->small_body_size_ = static_cast<std::uint32_t>(parts.small_body.size());
  entry->key_size_ = static_cast<std::uint16_t>(parts.key.size());
  entry->vary_size_ = static_cast<std::uint16_t>(parts.vary.size());
  entry->tags_size_ = static_cast<std::uint16_t>(parts.tags.size());
  entry->environment_ = parts.environment;
  entry->status_ = parts.status;
  entry->validate_always_ = parts.freshness.validate_always;
  entry->never_stale_ = parts.freshness.never_stale;
  return CacheEntryPtr(entry);
}

void CacheEntry::release() const {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  auto* self = const_cast<CacheEntry*>(this);
  self->~CacheEntry();
  std::free(self);
}

std::string_view CacheEntry::body_from(std::uint64_t offset) const {
  if (!body_) {
    const std::string_view head_text = head();
    return {head_text.data() + head_text.size() + offset, small_body_size_ - offset};
  }
  return (*body_)->from(offset);
}

http::Freshness CacheEntry::freshness() const {
  return {.lifetime = lifetime_.load(std::memory_order_relaxed),
          .stale_while_revalidate = stale_while_revalidate_,
          .stale_if_error = stale_if_error_,
          .validate_always = validate_always_,
          .never_stale = never_stale_};
}

void CacheEntry::make_stale(Instant now) const {
  if (CacheFile* in_file = file()) in_file->forget();
  const auto age = std::chrono::floor<std::chrono::seconds>(this->age(now)).count();
  std::uint32_t lifetime = lifetime_.load(std::memory_order_relaxed);
  const auto limit = static_cast<std::uint32_t>(std::max<std::int64_t>(age, 0));
  while (lifetime > limit &&
         !lifetime_.compare_exchange_weak(lifetime, limit, std::memory_order_relaxed)) {
  }
}

std::size_t CacheEntry::cost() const {
  constexpr std::size_t kAllocator = 16;  // malloc's header and rounding
  constexpr std::size_t kIndex = 16;      // our share of the shard's table
  std::size_t bytes = sizeof(CacheEntry) + key_size_ + vary_size_ + tags_size_ + head_size_ +
                      small_body_size_ + kAllocator + kIndex;
  if (body_) {
    for (const CacheBody::Piece& piece : (*body_)->pieces) bytes += piece.capacity + kAllocator;
  }
  return bytes;
}

}  // namespace fairlead::edge
