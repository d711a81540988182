#include "target/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace fairlead::target {
namespace {

constexpr std::size_t kWidestFlow = 90;

bool is_word(char c) {
  const char lower = ascii_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

// What YAML 1.1 or 1.2 reads as something else than text.
bool is_reserved(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no", "on",
                                                             "off",  "null",  "y",   "n"};
  return std::ranges::any_of(kWords, [&](auto word) { return iequals(word, text); });
}

bool is_plain(std::string_view text) {
  if (text.empty() || is_reserved(text)) return false;
  const char first = ascii_lower(text[0]);
  if (!(first >= 'a' && first <= 'z') && first != '/') return false;  // no number, no indicator
  if (text.back() == ':') return false;
  return std::ranges::all_of(
      text, [](char c) { return is_word(c) || std::string_view("_-./:@").contains(c); });
}

// The end of the line that a key or dash has begun stays free for the value.
std::string spaces(unsigned count) { return std::string(count, ' '); }

}  // namespace

std::string yaml_text(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02X}", byte);
    else
      out += c;
  }
  return out + '"';
}

Yaml& Yaml::operator[](std::string_view key) {
  for (auto& [name, value] : members_)
    if (name == key) return value;
  return members_.emplace_back(std::string(key), Yaml()).second;
}

Yaml::Yaml() = default;

Yaml& Yaml::push() { return push(Yaml()); }

Yaml& Yaml::push(Yaml item) {
  kind_ = Kind::kList;
  return items_.emplace_back(std::move(item));
}

Yaml& Yaml::comment(std::string_view line) {
  comments_.emplace_back(line);
  return *this;
}

std::string Yaml::dump() const {
  std::string out;
  write_comments(out, 0);
  if (kind_ == Kind::kList)
    write_list(out, 0);
  else
    write_map(out, 0, false);
  return out;
}

std::string Yaml::scalar() const { return kind_ == Kind::kPlain ? text_ : yaml_text(text_); }

std::string Yaml::flow() const {
  std::string out = "[";
  for (const auto& item : items_) {
    if (!item.is_scalar() || !item.comments_.empty()) return "";
    out += (out.size() > 1 ? ", " : "") + item.scalar();
  }
  return out.size() > kWidestFlow ? "" : out + "]";
}

void Yaml::write_comments(std::string& out, unsigned indent) const {
  for (const auto& line : comments_)
    out += line.empty() ? "\n" : fmt::format("{}# {}\n", spaces(indent), line);
}

void Yaml::write_map(std::string& out, unsigned indent, bool first_inline) const {
  for (const auto& [key, value] : members_) {
    if (first_inline) {
      first_inline = false;
    } else {
      value.write_comments(out, indent);
      out += spaces(indent);
    }
    out += yaml_text(key) + ":";
    value.write_after_key(out, indent);
  }
}

void Yaml::write_list(std::string& out, unsigned indent) const {
  for (const auto& item : items_) {
    item.write_comments(out, indent);
    out += spaces(indent) + "-";
    if (item.kind_ == Kind::kMap && !item.members_.empty()) {
      out += ' ';
      item.write_map(out, indent + 2, true);
    } else {
      item.write_after_key(out, indent);
    }
  }
}

void Yaml::write_after_key(std::string& out, unsigned indent) const {
  switch (kind_) {
    case Kind::kText:
    case Kind::kPlain:
      out += " " + scalar() + "\n";
      return;
    case Kind::kMap:
      out += members_.empty() ? " {}\n" : "\n";
      write_map(out, indent + 2, false);
      return;
    case Kind::kList:
      if (const auto short_form = flow(); !short_form.empty()) {
        out += " " + short_form + "\n";
      } else {
        out += "\n";
        write_list(out, indent + 2);
      }
      return;
  }
}

}  // namespace fairlead::target
