#include "config/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "config/load.h"

namespace fairlead::config {

namespace {

std::map<std::string, std::string> values_of(const AppSpec& spec) {
  std::map<std::string, std::string> values;
  for (const auto& [pointer, value] : nlohmann::json::parse(to_json(spec)).flatten().items()) {
    std::string path = pointer.substr(1);
    std::ranges::replace(path, '/', '.');
    values[path] = value.dump();
  }
  return values;
}

}  // namespace

std::vector<std::string> differences(const AppSpec& before, const AppSpec& after) {
  std::vector<std::string> lines;
  const auto old_values = values_of(before), new_values = values_of(after);
  for (const auto& [path, value] : old_values)
    if (!new_values.contains(path)) lines.push_back(fmt::format("{}: {} → none", path, value));
  for (const auto& [path, value] : new_values) {
    const auto found = old_values.find(path);
    if (found == old_values.end())
      lines.push_back(fmt::format("{}: none → {}", path, value));
    else if (found->second != value)
      lines.push_back(fmt::format("{}: {} → {}", path, found->second, value));
  }
  return lines;
}

}  // namespace fairlead::config
