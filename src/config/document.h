// A TOML file as a tree that remembers where everything stood: what lies between the TOML library
// and the schema. A plain value; depth is bounded by what parse_toml lets through.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/app_spec.h"

namespace fairlead::config {

// A piece of one line.
struct Span {
  Location where;
  unsigned width = 1;
};

enum class Kind : std::uint8_t { kTable, kList, kText, kWhole, kNumber, kBoolean, kDate };

// With its article, for messages: "a whole number".
std::string_view to_string(Kind kind);

struct Member;

struct Node {
  Kind kind = Kind::kTable;
  Span span;
  std::string text;             // kText
  std::int64_t whole = 0;       // kWhole
  double number = 0;            // kNumber, kWhole
  bool boolean = false;         // kBoolean
  std::vector<Node> items;      // kList
  std::vector<Member> members;  // kTable, in the order of the file

  // The member of that name, or null.
  const Member* find(std::string_view name) const;
  Member* find(std::string_view name);
};

struct Member {
  std::string name;
  Span span;  // of the name
  Node node;
};

// `base` changed by `overlay`: tables member by member, everything else replaced.
void lay_over(Node& base, const Node& overlay);

// Where the value at the end of that path stands; where the path ends early, the place it got to.
using Step = std::variant<std::string_view, std::size_t>;
Span locate(const Node& root, std::initializer_list<Step> path);

}  // namespace fairlead::config
