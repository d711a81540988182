// Conditional and range requests answered from a whole response: RFC 9110 §13 and §14.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"

namespace fairlead::http {

// Entity tags compared as RFC 9110 §8.8.3.2 says: weakly ("W/" is passed over), or strongly (equal,
// and neither is weak).
bool weakly_equal(std::string_view a, std::string_view b);
bool strongly_equal(std::string_view a, std::string_view b);

// What identifies a representation: the values of ETag and Last-Modified, "" where missing, and the
// date that stands in for the latter (RFC 9111 §4.3.2).
struct Validators {
  std::string_view etag;
  std::string_view last_modified;
  std::optional<std::chrono::sys_seconds> date;
};
Validators validators_of(const ResponseHead& head, std::chrono::sys_seconds now);

// True if a GET or HEAD is to be answered with 304: If-None-Match decides where it stands, else
// If-Modified-Since (RFC 9110 §13.2.2).
bool not_modified(const RequestHead& request, const Validators& stored,
                  std::chrono::sys_seconds now);

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};
struct RangeAnswer {
  enum class Kind : std::uint8_t { kWhole, kPart, kUnsatisfiable } kind = Kind::kWhole;
  ByteRange range;  // of kPart
};
// What a GET with Range gets of a representation of `length` bytes. Whole if there is no Range, if
// it is malformed, of another unit or of several ranges (§14.2 allows to pass over it: many ranges
// of one body are an attack more often than a wish), or if If-Range does not hold.
RangeAnswer judge_range(const RequestHead& request, std::uint64_t length, const Validators& stored,
                        std::chrono::sys_seconds now);

}  // namespace fairlead::http
