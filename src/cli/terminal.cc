#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace fairlead::cli {

namespace {

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(stream)) == 1 && term && std::string_view(term) != "dumb";
}

std::size_t width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// At most `columns` columns, no control characters; never half a UTF-8 sequence.
std::string one_line(std::string_view text, std::size_t columns) {
  std::string line;
  std::size_t used = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xC0) == 0x80;
    if (!continues && ++used > columns) break;
    line.push_back(byte < 0x20 || byte == 0x7F ? ' ' : c);
  }
  return line;
}

}  // namespace

bool colours(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal(stream) && !(no_color && *no_color);
}

std::string styled(std::FILE* stream, Style style, std::string_view text) {
  if (!colours(stream)) return std::string(text);
  static constexpr const char* kCodes[] = {"1", "2", "31", "32", "33"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(style)], text);
}

void print_error(const Error& error) {
  fmt::print(stderr, "{} {}\n", styled(stderr, Style::kRed, "fairlead:"), error.message());
  if (!error.hint().empty())
    fmt::print(stderr, "  {} {}\n", styled(stderr, Style::kBold, "try:"), error.hint());
}

Progress::Progress() : terminal_(is_terminal(stderr)) {}

void Progress::stamp(std::string_view text) const {
  fmt::print(stderr, "{} {}\n", rfc3339(wall_now()).substr(0, 19) + "Z", text);
}

void Progress::step(std::string text) {
  step_ = std::move(text);
  if (terminal_)
    line("");
  else
    stamp(step_);
}

void Progress::line(std::string_view text) {
  if (!terminal_) {
    stamp(fmt::format("  {}", text));
    return;
  }
  const std::size_t room = width() - 1;
  std::string shown = one_line(step_, room);
  if (!text.empty() && shown.size() + 3 < room)
    shown += styled(stderr, Style::kDim, "  " + one_line(text, room - shown.size() - 2));
  fmt::print(stderr, "\r\x1b[K{}", shown);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (std::exchange(shown_, false)) fmt::print(stderr, "\r\x1b[K");
}

}  // namespace fairlead::cli
