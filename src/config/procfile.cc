#include "config/procfile.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "config/values.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kForm = "a line is 'name: command'";

Node text_node(std::string_view text) {
  Node node;
  node.kind = Kind::kText;
  node.text = text;
  return node;
}

// The table of that name; made where there is none.
Node& table_in(Node& node, std::string_view name) {
  if (auto* member = node.find(name)) return member->node;
  return node.members.emplace_back(Member{std::string(name), {{0, 0}, 1}, {}}).node;
}

void read_line(std::string_view line, unsigned number, Node& document, Diagnostics& diagnostics) {
  const auto colon = line.find(':');
  const auto name = trim(line.substr(0, colon));
  if (name.empty())
    return diagnostics.error({{number, 1}}, "no name before ':'", std::string(kForm));
  const Span at{{number, static_cast<unsigned>(name.data() - line.data()) + 1},
                static_cast<unsigned>(std::max<std::size_t>(name.size(), 1))};
  if (colon == std::string_view::npos)
    return diagnostics.error(at, "no ':' in the line", std::string(kForm));
  const auto command = trim(line.substr(colon + 1));
  if (command.empty())
    return diagnostics.error(at, fmt::format("'{}' has no command", name), std::string(kForm));
  if (auto checked = parse_name(name); !checked)
    return diagnostics.error(at, checked.error().message(), checked.error().hint());

  auto& table = name == "release" ? table_in(document, "deploy")
                                  : table_in(table_in(document, "processes"), name);
  const auto key = name == "release" ? "release_command" : "command";
  if (!table.find(key)) {
    table.members.push_back({key, {{0, 0}, 1}, text_node(command)});
  } else if (name != "release") {
    diagnostics.error(at, fmt::format("a second '{}'", name));
  }
}

}  // namespace

void read_procfile(std::string_view text, Node& document, Diagnostics& diagnostics) {
  unsigned number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const auto content = trim(line); content.empty() || content.starts_with('#')) continue;
    read_line(line, number, document, diagnostics);
  }
}

}  // namespace fairlead::config
