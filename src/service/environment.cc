#include "service/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/strings.h"

namespace fairlead::service {

Environment Environment::of_process() {
  std::map<std::string, std::string, std::less<>> variables;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    if (const auto equals = text.find('='); equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return Environment(std::move(variables));
}

std::optional<std::string> Environment::find(std::string_view name) const {
  const auto found = variables_.find(name);
  if (found == variables_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::string Environment::get(std::string_view name, std::string_view fallback) const {
  return find(name).value_or(std::string(fallback));
}

Result<std::uint64_t> Environment::number(std::string_view name, std::uint64_t fallback,
                                          std::uint64_t least, std::uint64_t most) const {
  const auto text = find(name);
  if (!text) return fallback;
  const auto value = parse_unsigned(*text);
  if (!value || *value < least || *value > most)
    return fail(Code::kInvalid, fmt::format("{} is '{}', it must be a number from {} to {}", name,
                                            *text, least, most));
  return *value;
}

Result<bool> Environment::flag(std::string_view name) const {
  const auto text = to_lower(get(name, "0"));
  if (text == "1" || text == "true" || text == "yes" || text == "on") return true;
  if (text == "0" || text == "false" || text == "no" || text == "off") return false;
  return fail(Code::kInvalid, fmt::format("{} is '{}', it must be true or false", name, text));
}

}  // namespace fairlead::service
