// A YAML document as it is built up: maps keep the order in which keys are set, text is quoted
// where it would mean something else without. References into it stay valid while it grows.
#pragma once

#include <concepts>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fairlead::target {

class Yaml {
 public:
  Yaml();  // an empty map, until something else is made of it
  Yaml(std::string_view text) : kind_(Kind::kText), text_(text) {}
  Yaml(const std::string& text) : Yaml(std::string_view(text)) {}
  Yaml(const char* text) : Yaml(std::string_view(text)) {}
  Yaml(bool value) : kind_(Kind::kPlain), text_(value ? "true" : "false") {}
  template <std::integral Number>
  Yaml(Number number) : kind_(Kind::kPlain), text_(std::to_string(number)) {}
  // A list of texts.
  Yaml(const std::vector<std::string>& texts) : kind_(Kind::kList) {
    for (const auto& text : texts) items_.emplace_back(text);
  }
  static Yaml list() { return Yaml(std::vector<std::string>()); }

  // The member of that name of a map; added at the end where there is none.
  Yaml& operator[](std::string_view key);
  // Adds to a list; an empty map becomes one.
  Yaml& push(Yaml item);
  Yaml& push();
  // A comment above it, for one line each.
  Yaml& comment(std::string_view line);

  bool empty() const { return !is_scalar() && members_.empty() && items_.empty(); }
  std::string dump() const;

 private:
  enum class Kind { kMap, kList, kText, kPlain };

  bool is_scalar() const { return kind_ == Kind::kText || kind_ == Kind::kPlain; }
  void write_map(std::string& out, unsigned indent, bool first_inline) const;
  void write_list(std::string& out, unsigned indent) const;
  void write_after_key(std::string& out, unsigned indent) const;
  void write_comments(std::string& out, unsigned indent) const;
  std::string scalar() const;
  std::string flow() const;  // ["a", "b"]; "" where it would be too long or holds more than text

  Kind kind_ = Kind::kMap;
  std::string text_;
  std::list<std::pair<std::string, Yaml>> members_;
  std::list<Yaml> items_;
  std::vector<std::string> comments_;
};

// A text as a YAML scalar: plain where that is safe, else in double quotes.
std::string yaml_text(std::string_view text);

}  // namespace fairlead::target
