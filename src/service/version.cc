#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "service/service.h"

namespace fairlead::service {

namespace {

bool is_number(std::string_view text) {
  return !text.empty() && (text == "0" || text[0] != '0') &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Dot-separated identifiers of SemVer 2.0.0 §9 and §10.
bool are_identifiers(std::string_view text, bool leading_zeros_allowed) {
  return std::ranges::all_of(split(text, '.'), [&](std::string_view part) {
    const bool word = std::ranges::all_of(part, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
    });
    const bool digits = part.find_first_not_of("0123456789") == std::string_view::npos;
    return word && !part.empty() && (leading_zeros_allowed || !digits || is_number(part));
  });
}

bool is_semver(std::string_view text) {
  const auto plus = text.find('+');
  if (plus != std::string_view::npos && !are_identifiers(text.substr(plus + 1), true)) return false;
  text = text.substr(0, plus);
  const auto dash = text.find('-');
  if (dash != std::string_view::npos && !are_identifiers(text.substr(dash + 1), false))
    return false;
  const auto core = split(text.substr(0, dash), '.');
  return core.size() == 3 && std::ranges::all_of(core, is_number);
}

}  // namespace

Result<std::string> version_from_environment(const Environment& environment,
                                             std::string_view built_in) {
  const auto version = environment.get("APP_VERSION", built_in);
  if (!is_semver(version))
    return fail(
        Error(Code::kInvalid, fmt::format("APP_VERSION is '{}', which is not SemVer", version))
            .hint("write 1.0.1 or 1.0.1+build.17"));
  return version;
}

}  // namespace fairlead::service
