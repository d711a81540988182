#include "config/document.h"

#include <algorithm>

namespace fairlead::config {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kTable:
      return "a table";
    case Kind::kList:
      return "a list";
    case Kind::kText:
      return "text";
    case Kind::kWhole:
      return "a whole number";
    case Kind::kNumber:
      return "a number";
    case Kind::kBoolean:
      return "true or false";
    case Kind::kDate:
      return "a date or time";
  }
  return "nothing";
}

const Member* Node::find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &Member::name);
  return found == members.end() ? nullptr : &*found;
}

Member* Node::find(std::string_view name) {
  return const_cast<Member*>(std::as_const(*this).find(name));
}

void lay_over(Node& base, const Node& overlay) {
  for (const auto& change : overlay.members) {
    Member* member = base.find(change.name);
    if (!member) {
      base.members.push_back(change);
    } else if (member->node.kind == Kind::kTable && change.node.kind == Kind::kTable) {
      lay_over(member->node, change.node);
    } else {
      *member = change;
    }
  }
}

Span locate(const Node& root, std::initializer_list<Step> path) {
  const Node* node = &root;
  Span span = root.span;
  for (const auto& step : path) {
    if (const auto* name = std::get_if<std::string_view>(&step)) {
      const Member* member = node->find(*name);
      if (!member) break;
      node = &member->node;
      span = node->kind == Kind::kTable ? member->span : node->span;
    } else {
      const auto index = std::get<std::size_t>(step);
      if (index >= node->items.size()) break;
      node = &node->items[index];
      span = node->span;
    }
  }
  return span;
}

}  // namespace fairlead::config
