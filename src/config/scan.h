// A first look at TOML text, before the library gets it: what must not reach it, and where each
// statement begins and ends, so that one broken statement does not hide the errors after it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"

namespace fairlead::config {

inline constexpr std::size_t kMaxFile = 1u << 20;  // bytes
inline constexpr unsigned kMaxDots = 16;           // in one key; the library recurses for each

// A header or a key with its value, whole lines.
struct Statement {
  std::size_t begin = 0;  // byte offsets; end is past its newline
  std::size_t end = 0;
  unsigned line = 0;    // of begin
  bool header = false;  // "[table]" or "[[list]]"
  bool closed = true;   // brackets and quotes balance; otherwise it runs to the end of the text
};

// Reports what is no text at all: too large, not UTF-8, NUL, a key nested too deeply. False then.
bool fit_to_parse(std::string_view text, Diagnostics& diagnostics);

// In order, covering the whole text.
std::vector<Statement> statements_of(std::string_view text);

}  // namespace fairlead::config
