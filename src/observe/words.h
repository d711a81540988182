// How lines are cut into words, the unit that the log store's index knows. A word is a run of ASCII
// letters, digits, '_' and bytes above 127 (letters of other scripts, in UTF-8); case counts for
// ASCII letters only as far as people care: not at all.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::observe {

using WordHash = std::uint64_t;

namespace detail {
// A byte of a word in lower case, or 0 for what separates words.
inline constexpr auto kWordByte = [] {
  std::array<unsigned char, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool in_word =
        upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c > 127;
    table[c] = static_cast<unsigned char>(!in_word ? 0 : upper ? c + 32 : c);
  }
  return table;
}();
inline constexpr WordHash kSeed = 0xcbf29ce484222325;
constexpr WordHash step(WordHash hash, unsigned char byte) { return (hash ^ byte) * 0x100000001b3; }
constexpr WordHash finish(WordHash hash) {
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93;
  return hash ^ (hash >> 32);
}
}  // namespace detail

constexpr bool is_word_byte(char c) {
  return detail::kWordByte[static_cast<unsigned char>(c)] != 0;
}

// Calls `found` with the hash of each word.
template <typename Found>
void for_each_word(std::string_view text, Found found) {
  WordHash hash = detail::kSeed;
  bool inside = false;
  for (char c : text) {
    const unsigned char byte = detail::kWordByte[static_cast<unsigned char>(c)];
    if (byte != 0) {
      hash = detail::step(hash, byte);
      inside = true;
    } else if (inside) {
      found(detail::finish(hash));
      hash = detail::kSeed;
      inside = false;
    }
  }
  if (inside) found(detail::finish(hash));
}

// What else the index knows, each in a space of its own: no word of a text has the hash of a label.
enum class IndexedField : unsigned char {
  kApp = 1,
  kEnvironment,
  kRelease,
  kReplica,
  kSource,
  kLevel,
  kStatus,
  kStatusClass,
  kRequest,
};
constexpr WordHash field_hash(IndexedField field, std::string_view value) {
  WordHash hash = detail::step(~detail::kSeed, static_cast<unsigned char>(field));
  for (char c : value) hash = detail::step(hash, static_cast<unsigned char>(c));
  return detail::finish(hash);
}
constexpr WordHash field_hash(IndexedField field, unsigned number) {
  WordHash hash = detail::step(~detail::kSeed, static_cast<unsigned char>(field));
  for (; number != 0; number >>= 8) hash = detail::step(hash, static_cast<unsigned char>(number));
  return detail::finish(hash);
}

}  // namespace fairlead::observe
