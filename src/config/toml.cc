#include "config/toml.h"

// Compiled here, without exceptions; the shared library of the same name is built with them.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// Values within values: the library recurses. With kMaxDots this bounds the depth of a tree to a
// few hundred levels.
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

#include <algorithm>

#include "base/strings.h"
#include "config/scan.h"

namespace fairlead::config {
namespace {

constexpr int kMostSyntaxErrors = 20;

Span span_of(const toml::source_region& region) {
  const bool one_line =
      region.begin.line == region.end.line && region.end.column > region.begin.column;
  return {{region.begin.line, region.begin.column},
          one_line ? region.end.column - region.begin.column : 1};
}

Node convert(const toml::node& node);

void convert_table(const toml::table& table, Node& out) {
  for (const auto& [key, value] : table)
    out.members.push_back({std::string(key.str()), span_of(key.source()), convert(value)});
  std::ranges::sort(out.members, {}, [](const Member& m) { return m.span.where; });
}

Node convert(const toml::node& node) {
  Node out;
  out.span = span_of(node.source());
  switch (node.type()) {
    case toml::node_type::table:
      convert_table(*node.as_table(), out);
      break;
    case toml::node_type::array:
      out.kind = Kind::kList;
      for (const auto& item : *node.as_array()) out.items.push_back(convert(item));
      break;
    case toml::node_type::string:
      out.kind = Kind::kText;
      out.text = node.as_string()->get();
      break;
    case toml::node_type::integer:
      out.kind = Kind::kWhole;
      out.whole = node.as_integer()->get();
      out.number = static_cast<double>(out.whole);
      break;
    case toml::node_type::floating_point:
      out.kind = Kind::kNumber;
      out.number = node.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      out.kind = Kind::kBoolean;
      out.boolean = node.as_boolean()->get();
      break;
    default:
      out.kind = Kind::kDate;
      break;
  }
  return out;
}

// What the library says, said for the reader of a fairlead.toml where that helps.
struct Wording {
  std::string_view theirs, ours, suggestion;
};
constexpr Wording kWordings[] = {
    {"could not determine value type", "this is no value", "put text in quotes"},
    {"decimal digit or exponent, saw '.'", "this is no number", "put text in quotes"},
    {"exceeded maximum nested value depth", "values within values go too deep", ""},
    {"unescaped control characters", "control characters in text",
     "the closing quote is missing, or write \\u00XX"},
    {"expected value, saw", "there is no value", ""},
};

void report(const toml::parse_error& error, Diagnostics& diagnostics) {
  const auto at = span_of(error.source());
  std::string_view description = error.description();
  for (const auto& wording : kWordings)
    if (description.contains(wording.theirs))
      return diagnostics.error(at, std::string(wording.ours), std::string(wording.suggestion));
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  diagnostics.error(at, "in " + std::string(description));
}

void blank(std::string& text, std::size_t begin, std::size_t end) {
  for (auto i = begin; i < end; ++i)
    if (text[i] != '\n') text[i] = ' ';
}

// The last statement that begins in or before the line.
const Statement& statement_at(const std::vector<Statement>& statements, unsigned line) {
  const auto after = std::ranges::upper_bound(statements, line, {}, &Statement::line);
  return *(after == statements.begin() ? after : after - 1);
}

// Whether a line inside a value that was never closed is rather the next statement.
bool begins_statement(std::string_view line) {
  const auto text = trim(line);
  if (text.starts_with('[')) return text.contains(']') && !text.ends_with(',');
  const auto key = trim(text.substr(0, text.find('=')));
  return key.size() < text.size() && key.find_first_of(" \t\"'[]{},#") == std::string_view::npos;
}

// Where to go on reading after an error in `line` of the statement: with what follows it; for a
// header, with the next one; for a value that is never closed, with the first line in which the
// library lost hope of it.
std::size_t end_of_broken(std::string_view text, const std::vector<Statement>& statements,
                          const Statement& broken, unsigned line) {
  if (broken.closed) {
    if (!broken.header) return broken.end;
    for (const auto& statement : statements)
      if (statement.header && statement.begin > broken.begin) return statement.begin;
    return text.size();
  }
  auto begin = broken.begin;
  for (auto at = broken.line; at < line; ++at) begin = text.find('\n', begin) + 1;
  const auto end = std::min(text.find('\n', begin), text.size());
  return line > broken.line && begins_statement(text.substr(begin, end - begin)) ? begin : end;
}

}  // namespace

Parsed parse_toml(std::string_view text, Diagnostics& diagnostics) {
  Parsed parsed;
  std::string rest(text);
  for (int errors = 0; errors < kMostSyntaxErrors; ++errors) {
    const auto result = toml::parse(std::string_view(rest));
    if (result) {
      convert_table(result.table(), parsed.root);
      return parsed;
    }
    parsed.complete = false;
    const auto line = result.error().source().begin.line;
    const auto statements = statements_of(rest);
    if (statements.empty()) break;
    const auto& broken = statement_at(statements, line);
    if (!broken.closed && line > broken.line) {
      diagnostics.error({{broken.line, 1}}, "what begins in this line is never closed");
    } else {
      report(result.error(), diagnostics);
    }
    const auto end = end_of_broken(rest, statements, broken, line);
    if (rest.find_first_not_of(" \t\r\n", broken.begin) >= end) break;  // nothing left to take out
    blank(rest, broken.begin, end);
  }
  return parsed;
}

}  // namespace fairlead::config
