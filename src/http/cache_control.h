// What Cache-Control (RFC 9111 §5.2) and CDN-Cache-Control (RFC 9213) say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/head.h"

namespace fairlead::http {

// Directives of a request or a response. Times in seconds, at most kMaxDelta. Views into the head.
struct CacheDirectives {
  static constexpr std::uint32_t kMaxDelta = 1u << 31;  // stands for "longer than that", §1.2.2

  bool no_cache = false;  // without a list of fields
  bool no_store = false;
  bool is_private = false;  // without a list of fields
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool only_if_cached = false;
  // Where a directive stands twice the first counts. A lifetime that is no number is 0: what cannot
  // be understood is not fresh.
  std::optional<std::uint32_t> max_age;
  std::optional<std::uint32_t> s_maxage;
  std::optional<std::uint32_t> stale_while_revalidate;  // RFC 5861
  std::optional<std::uint32_t> stale_if_error;
  std::optional<std::uint32_t> max_stale;  // without a value: kMaxDelta
  std::optional<std::uint32_t> min_fresh;
  // The lists in no-cache="…" and private="…": fields that may not be reused without asking.
  std::string_view no_cache_fields;
  std::string_view private_fields;
};

// All Cache-Control lines of a head. Unknown and malformed directives are passed over.
CacheDirectives parse_cache_control(std::span<const Field> fields);

// All CDN-Cache-Control lines: a dictionary of RFC 8941. Nothing if there is none, if it is empty,
// or if any of it is malformed or of a wrong type; then Cache-Control holds.
std::optional<CacheDirectives> parse_cdn_cache_control(std::span<const Field> fields);

// Digits only, saturating at kMaxDelta; anything else is nothing.
std::optional<std::uint32_t> parse_delta_seconds(std::string_view text);

}  // namespace fairlead::http
