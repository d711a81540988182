// Text helpers used in more than one folder. ASCII only; nothing here looks at the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead {

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
// Equal but for ASCII case: header names, hosts, tokens.
bool iequals(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);

// Without spaces and tabs at both ends (RFC 9110 OWS). A view into `text`.
std::string_view trim(std::string_view text);
// The parts between separators, empty ones included; views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

// Digits only, the whole text, no sign, no overflow; anything else is nothing. `base` is 10 or 16.
std::optional<std::uint64_t> parse_unsigned(std::string_view text, int base = 10);

// The candidate that someone who typed `word` most likely meant; nothing if none is near.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

// "1.5 KiB", "64.0 MiB": for people.
std::string human_bytes(std::uint64_t bytes);

}  // namespace fairlead
