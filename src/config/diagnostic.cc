#include "config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fairlead::config {
namespace {

constexpr std::size_t kWidestSource = 120;  // characters of a source line that are shown

struct Colours {
  std::string_view bold, error, warning, mark, off;
};
constexpr Colours kPlain{};
constexpr Colours kAnsi{"\x1b[1m", "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;32m", "\x1b[0m"};

// What a terminal must not get from a file: C0 and C1 controls and DEL become '?'. Tabs stay.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xC2 && i + 1 < text.size() && (text[i + 1] & 0xE0) == 0x80;
    if (c1) ++i;
    out += c1 || c == 0x7f || (c < ' ' && c != '\t') ? '?' : static_cast<char>(c);
  }
  return out;
}

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 1;
    while (i + length < text.size() && (text[i + length] & 0xC0) == 0x80) ++length;
    characters.push_back(text.substr(i, length));
    i += length;
  }
  return characters;
}

// The source line and, below it, what is meant.
std::string show_source(const Diagnostic& diagnostic, const Colours& colours) {
  const auto source = printable(diagnostic.source);
  const auto characters = characters_of(source);
  const std::size_t column = std::max(1u, diagnostic.where.column) - 1;
  if (column > characters.size()) return "";
  const std::size_t begin = column < kWidestSource / 2 ? 0 : column - kWidestSource / 2;
  const std::size_t end = std::min(characters.size(), begin + kWidestSource);
  std::string shown, mark;
  for (auto i = begin; i < end; ++i) shown += characters[i];
  for (auto i = begin; i < column; ++i) mark += characters[i] == "\t" ? '\t' : ' ';
  const auto width = std::min<std::size_t>(diagnostic.width, end > column ? end - column : 1);
  return fmt::format("{:>5} | {}\n      | {}{}^{:~>{}}{}\n", diagnostic.where.line, shown, mark,
                     colours.mark, "", width - 1, colours.off);
}

std::string show(const Diagnostic& diagnostic, const Colours& colours) {
  const bool error = diagnostic.severity == Severity::kError;
  std::string place = diagnostic.file;
  if (diagnostic.where.line > 0)
    place += fmt::format(":{}:{}", diagnostic.where.line, diagnostic.where.column);
  return fmt::format("{}{}:{} {}{}:{} {}{}{}\n{}", colours.bold, place, colours.off,
                     error ? colours.error : colours.warning, error ? "error" : "warning",
                     colours.off, printable(diagnostic.message),
                     diagnostic.suggestion.empty() ? "" : "; ", printable(diagnostic.suggestion),
                     diagnostic.source.empty() ? "" : show_source(diagnostic, colours));
}

}  // namespace

bool has_errors(std::span<const Diagnostic> diagnostics) {
  return std::ranges::count(diagnostics, Severity::kError, &Diagnostic::severity) > 0;
}

std::string to_text(std::span<const Diagnostic> diagnostics, bool colour) {
  std::string text;
  for (const auto& diagnostic : diagnostics) text += show(diagnostic, colour ? kAnsi : kPlain);
  return text;
}

std::string to_json(std::span<const Diagnostic> diagnostics) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& d : diagnostics) {
    auto& json = list.emplace_back();
    json["severity"] = d.severity == Severity::kError ? "error" : "warning";
    json["file"] = d.file;
    if (d.where.line > 0) {
      json["line"] = d.where.line;
      json["column"] = d.where.column;
    }
    json["message"] = d.message;
    if (!d.suggestion.empty()) json["suggestion"] = d.suggestion;
  }
  using Handler = nlohmann::ordered_json::error_handler_t;
  return list.dump(2, ' ', false, Handler::replace);  // a path need not be UTF-8
}

}  // namespace fairlead::config
