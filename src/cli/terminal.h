// What people see: data on stdout, progress and errors on stderr.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace fairlead::cli {

// Whether colours may be used there: a terminal, NO_COLOR not set, TERM not "dumb".
bool colours(std::FILE* stream);

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow };
// `text` in that style if `stream` shows colours, else as it is.
std::string styled(std::FILE* stream, Style style, std::string_view text);

// "fairlead: <message>", then "  try: <hint>".
void print_error(const Error& error);

// Shows what goes on: one line that is overwritten on a terminal, plain time-stamped lines
// elsewhere (CI).
class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;

  // What is being done now: "building".
  void step(std::string text);
  // A line of a program's output: the newest is shown beside the step.
  void line(std::string_view text);
  // Takes the line off the terminal.
  void clear();

 private:
  void stamp(std::string_view text) const;
  bool terminal_;
  bool shown_ = false;
  std::string step_;
};

}  // namespace fairlead::cli
