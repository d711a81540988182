// Which blocks of a segment may hold a word: a Bloom filter per block, all of the same size, stored
// bit by bit. Row r holds bit r of every block, so that one word is looked up in all blocks of a
// segment by reading kProbes short rows, wherever the file's pages are.
//
// Rows lie in pages of 4 KiB, each with its checksum: a damaged page is an error, never a line that
// is not found.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "observe/words.h"

namespace fairlead::observe {

// A set of block numbers.
class BlockSet {
 public:
  explicit BlockSet(std::size_t blocks, bool all = false);
  bool has(std::size_t block) const { return (bits_[block / 64] >> (block % 64) & 1) != 0; }
  bool empty() const;
  std::span<std::uint64_t> bits() { return bits_; }
  BlockSet& operator&=(const BlockSet& other);
  BlockSet& operator|=(const BlockSet& other);

 private:
  std::vector<std::uint64_t> bits_;
};

// Gathers the distinct words of one block.
class WordSet {
 public:
  WordSet() : slots_(1 << 14) {}
  void add(WordHash word);
  std::span<const WordHash> words() const { return words_; }
  void clear();

 private:
  void grow();
  std::vector<WordHash> slots_;  // open addressing; 0 is free
  std::vector<WordHash> words_;
};

// `words` of each block → the pages. `rows` gets the number of rows.
std::string build_filter(std::span<const std::vector<WordHash>> blocks, std::uint32_t& rows);

// A filter within an open file.
struct FilterPlace {
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint32_t rows = 0;
  std::size_t blocks = 0;
};
// The size in bytes of a filter with these rows and blocks.
std::uint64_t filter_size(std::uint64_t rows, std::size_t blocks);
// The blocks that may hold `word`: all that do, and about one in a hundred that do not.
Result<BlockSet> blocks_with(const FilterPlace& place, WordHash word);

}  // namespace fairlead::observe
