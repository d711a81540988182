#include "observe/log_filter.h"

#include <zlib.h>

#include <cstring>

#include "observe/frame_file.h"

namespace fairlead::observe {
namespace {

// 10 bits a word and 6 probes let through 0.8 % of the blocks that do not hold it; see
// docs/decisions/logs-bit-sliced-filters.md.
constexpr std::size_t kBitsPerWord = 10;
constexpr unsigned kProbes = 6;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kPageContent = kPage - sizeof(std::uint32_t);

std::size_t row_size(std::size_t blocks) { return (blocks + 63) / 64 * 8; }
std::size_t rows_per_page(std::size_t blocks) { return kPageContent / row_size(blocks); }

std::uint32_t row_of(WordHash word, unsigned probe, std::uint32_t rows) {
  const auto low = static_cast<std::uint32_t>(word);
  const auto high = static_cast<std::uint32_t>(word >> 32) | 1;
  const std::uint32_t mixed = low + probe * high;
  return static_cast<std::uint32_t>((std::uint64_t{mixed} * rows) >> 32);
}

std::uint32_t page_checksum(const char* page) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(page), kPageContent));
}

}  // namespace

BlockSet::BlockSet(std::size_t blocks, bool all) : bits_((blocks + 63) / 64, all ? ~0ull : 0) {}

bool BlockSet::empty() const {
  for (const auto word : bits_)
    if (word != 0) return false;
  return true;
}
BlockSet& BlockSet::operator&=(const BlockSet& other) {
  for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] &= other.bits_[i];
  return *this;
}
BlockSet& BlockSet::operator|=(const BlockSet& other) {
  for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] |= other.bits_[i];
  return *this;
}

void WordSet::add(WordHash word) {
  if (word == 0) word = 1;
  for (std::size_t at = word >> 20;; ++at) {
    auto& slot = slots_[at & (slots_.size() - 1)];
    if (slot == word) return;
    if (slot != 0) continue;
    slot = word;
    words_.push_back(word);
    if (words_.size() * 2 > slots_.size()) grow();
    return;
  }
}

void WordSet::grow() {
  slots_.assign(slots_.size() * 2, 0);
  const auto words = std::move(words_);
  words_ = {};
  words_.reserve(words.size() * 2);
  for (const auto word : words) add(word);
}

void WordSet::clear() {
  std::ranges::fill(slots_, 0);
  words_.clear();
}

std::uint64_t filter_size(std::uint64_t rows, std::size_t blocks) {
  if (blocks == 0 || row_size(blocks) > kPageContent) return 0;
  return (rows + rows_per_page(blocks) - 1) / rows_per_page(blocks) * kPage;
}

std::string build_filter(std::span<const std::vector<WordHash>> blocks, std::uint32_t& rows) {
  std::size_t words = 0;
  for (const auto& block : blocks) words += block.size();
  rows = static_cast<std::uint32_t>(
      std::max<std::size_t>(64, blocks.empty() ? 0 : words / blocks.size() * kBitsPerWord));
  const std::size_t stride = row_size(blocks.size());
  const std::size_t in_page = rows_per_page(blocks.size());
  std::string pages(filter_size(rows, blocks.size()), '\0');
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    for (const auto word : blocks[block]) {
      for (unsigned probe = 0; probe < kProbes; ++probe) {
        const std::size_t row = row_of(word, probe, rows);
        auto& byte = pages[row / in_page * kPage + row % in_page * stride + block / 8];
        byte = static_cast<char>(byte | 1 << (block % 8));
      }
    }
  }
  for (std::size_t page = 0; page < pages.size(); page += kPage) {
    const std::uint32_t sum = page_checksum(pages.data() + page);
    std::memcpy(pages.data() + page + kPageContent, &sum, sizeof sum);
  }
  return pages;
}

Result<BlockSet> blocks_with(const FilterPlace& place, WordHash word) {
  if (word == 0) word = 1;
  BlockSet found(place.blocks, true);
  const std::size_t stride = row_size(place.blocks);
  const std::size_t in_page = rows_per_page(place.blocks);
  for (unsigned probe = 0; probe < kProbes; ++probe) {
    const std::size_t row = row_of(word, probe, place.rows);
    TRY(const std::string page, read_at(place.fd, place.offset + row / in_page * kPage, kPage));
    std::uint32_t sum = 0;
    std::memcpy(&sum, page.data() + kPageContent, sizeof sum);
    if (sum != page_checksum(page.data()))
      return fail(Code::kProtocol, "a page of the word filter is damaged");
    BlockSet bits(place.blocks);
    std::memcpy(bits.bits().data(), page.data() + row % in_page * stride, stride);
    found &= bits;
    if (found.empty()) break;
  }
  return found;
}

}  // namespace fairlead::observe
