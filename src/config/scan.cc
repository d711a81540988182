#include "config/scan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace fairlead::config {
namespace {

constexpr auto kNone = std::string_view::npos;

// How many bytes the UTF-8 sequence at the start of `text` has (RFC 3629); 0 if it is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2   ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool beyond = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

// The place of a byte offset.
Location place(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto newline = before.rfind('\n');
  const auto line = before.substr(newline == kNone ? 0 : newline + 1);
  const auto is_start = [](char c) { return (c & 0xC0) != 0x80; };
  return {static_cast<unsigned>(1 + std::ranges::count(before, '\n')),
          static_cast<unsigned>(1 + std::ranges::count_if(line, is_start))};
}

// Walks over the text as TOML sees it: strings and comments are skipped whole.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void run() {
    begin_statement();
    while (at_ < text_.size()) step();
    if (statements_.back().begin == text_.size()) {
      statements_.pop_back();
    } else {
      statements_.back().end = text_.size();
      statements_.back().closed = depth_ == 0 && !open_string_;
    }
  }

  std::vector<Statement> statements_;
  std::size_t too_deep_ = kNone;  // the offset of the first key with too many dots

 private:
  void begin_statement() {
    const auto first = text_.find_first_not_of(" \t", at_);
    const bool header = first != kNone && text_[first] == '[';
    statements_.push_back({.begin = at_, .line = line_, .header = header});
    depth_ = dots_ = 0;
  }

  void step() {
    const char c = text_[at_];
    switch (c) {
      case '#':
        at_ = std::min(text_.find('\n', at_), text_.size());
        return;
      case '"':
      case '\'':
        skip_string(c);
        return;
      case '[':
      case '{':
        ++depth_;
        dots_ = 0;
        break;
      case ']':
      case '}':
        if (depth_ > 0) --depth_;
        dots_ = 0;
        break;
      case '=':
      case ',':
        dots_ = 0;
        break;
      case '.':
        if (++dots_ > kMaxDots) too_deep_ = std::min(too_deep_, at_);
        break;
      case '\n':
        end_line();
        return;
      default:
        break;
    }
    ++at_;
  }

  // A header never goes over its line; a value does while a bracket is open.
  void end_line() {
    ++at_;
    ++line_;
    dots_ = 0;
    auto& statement = statements_.back();
    if (depth_ > 0 && !statement.header) return;
    statement.end = at_;
    begin_statement();
  }

  void skip_string(char quote) {
    const bool many_lines = text_.substr(at_).starts_with(std::string(3, quote));
    at_ += many_lines ? 3 : 1;
    const auto close = many_lines ? std::string(3, quote) : std::string(1, quote);
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with(close)) {
        at_ += close.size();
        return;
      }
      if (text_[at_] == '\n') {
        if (!many_lines) return;  // an error that the library will name
        ++line_;
      }
      at_ += text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n'
                 ? 2
                 : 1;
    }
    open_string_ = true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
  unsigned depth_ = 0;
  unsigned dots_ = 0;
  bool open_string_ = false;
};

}  // namespace

bool fit_to_parse(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kMaxFile) {
    diagnostics.error({}, fmt::format("the file has {}; the most is {}", human_bytes(text.size()),
                                      human_bytes(kMaxFile)));
    return false;
  }
  for (std::size_t i = 0; i < text.size();) {
    const auto length = sequence_length(text.substr(i));
    if (length > 0 && text[i] != '\0') {
      i += length;
      continue;
    }
    diagnostics.error({place(text, i)},
                      length > 0 ? "the file holds a NUL character"
                                 : fmt::format("byte 0x{:02X} is not valid UTF-8",
                                               static_cast<unsigned char>(text[i])),
                      length > 0 ? "" : "save the file as UTF-8");
    return false;
  }
  Scanner scanner(text);
  scanner.run();
  if (scanner.too_deep_ == kNone) return true;
  diagnostics.error({place(text, scanner.too_deep_)},
                    fmt::format("a key with more than {} dots", kMaxDots));
  return false;
}

std::vector<Statement> statements_of(std::string_view text) {
  Scanner scanner(text);
  scanner.run();
  return std::move(scanner.statements_);
}

}  // namespace fairlead::config
