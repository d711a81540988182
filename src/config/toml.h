// TOML text to a Document. Behind this header alone stands the TOML library.
#pragma once

#include <string_view>

#include "config/diagnostics.h"
#include "config/document.h"

namespace fairlead::config {

struct Parsed {
  Node root;             // what could be read
  bool complete = true;  // false after a syntax error: things may be missing from `root`
};

// Reports every broken statement: after one, the text is read again without it. `text` is
// fit_to_parse.
Parsed parse_toml(std::string_view text, Diagnostics& diagnostics);

}  // namespace fairlead::config
