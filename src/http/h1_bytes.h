// Which bytes may stand where in an HTTP/1.1 head, and how to skip over them quickly. Used by the
// codec only.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fairlead::http {

enum ByteClass : std::uint8_t {
  kToken = 1,  // tchar, RFC 9110 §5.6.2
  kValue = 2,  // field-content, RFC 9110 §5.5: visible, obs-text, SP, HTAB
  kPath =
      4,  // request-target up to '?': what any browser sends raw, no backslash, '"', '<', '>', '#'
  kQuery = 8,   // request-target after '?': the same and '?' and backslash
  kHost = 16,   // registered name or IPv4 address; escapes and sub-delims are refused
  kDigit = 32,  // 0-9
};

inline constexpr std::array<std::uint8_t, 256> kByteClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80;
    const bool visible = c > 0x20 && c < 0x7f;
    const auto one_of = [c](std::string_view set) {
      return set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    const bool target = visible && !one_of("\"#<>");
    classes[c] = static_cast<std::uint8_t>(
        (digit || alpha || (c != 0 && one_of("!#$%&'*+-.^_`|~")) ? kToken : 0) |
        (c == '\t' || (c >= 0x20 && c != 0x7f) ? kValue : 0) |
        (target && !one_of("?\\") ? kPath : 0) | (target ? kQuery : 0) |
        (digit || alpha || (c != 0 && one_of("-._~")) ? kHost : 0) | (digit ? kDigit : 0));
  }
  return classes;
}();

inline bool is(char c, ByteClass wanted) {
  return kByteClasses[static_cast<unsigned char>(c)] & wanted;
}

// The first byte in [at, end) that is not of the class; `end` if there is none.
inline const char* skip(const char* at, const char* end, ByteClass wanted) {
  while (at != end && is(*at, wanted)) ++at;
  return at;
}

inline bool all(std::string_view text, ByteClass wanted) {
  return skip(text.data(), text.data() + text.size(), wanted) == text.data() + text.size();
}

// skip(at, end, kToken), 16 letters, digits and dashes at a time where the processor can: nearly
// all field names are made of these, and the table decides about the rest.
inline const char* skip_token(const char* at, const char* end) {
#if defined(__SSE2__)
  const auto between = [](__m128i bytes, char first, char last) {
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(first - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(last + 1))));
  };
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i letter = between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i other =
        _mm_or_si128(between(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    const auto usual = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letter, other)));
    if (usual != 0xffff) {
      at += std::countr_one(usual);
      break;
    }
  }
#endif
  return skip(at, end, kToken);
}

// skip(at, end, kValue), 16 bytes at a time where the processor can: values are most of a head.
inline const char* skip_value(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i control = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes);
    const __m128i wrong = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), below),
                                       _mm_cmpeq_epi8(bytes, del));
    if (const auto mask = static_cast<unsigned>(_mm_movemask_epi8(wrong)))
      return at + std::countr_zero(mask);
  }
#endif
  return skip(at, end, kValue);
}

}  // namespace fairlead::http
