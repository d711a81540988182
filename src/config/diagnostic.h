// What is wrong in a file, where, and what was probably meant.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/app_spec.h"

namespace fairlead::config {

enum class Severity : std::uint8_t { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;        // as it was given to load
  Location where;          // line 0: the file as a whole
  unsigned width = 1;      // characters to underline, from `where`
  std::string message;     // "unknown key 'replica' in [processes.web]"
  std::string suggestion;  // "did you mean 'replicas'?"; or ""
  std::string source;      // the line that `where` is on, for showing; or ""
};

bool has_errors(std::span<const Diagnostic> diagnostics);

// As compilers do, one after another, each ending in a newline:
//   fairlead.toml:12:1: error: unknown key 'replica' in [processes.web]; did you mean 'replicas'?
//      12 | replica = 2
//         | ^~~~~~~
// With `colour`, ANSI colours for a terminal. Control characters of the source are not passed on.
std::string to_text(std::span<const Diagnostic> diagnostics, bool colour = false);

// [{"severity","file","line","column","message","suggestion"}]; line and column are left out where
// the file as a whole is meant, suggestion where there is none.
std::string to_json(std::span<const Diagnostic> diagnostics);

}  // namespace fairlead::config
