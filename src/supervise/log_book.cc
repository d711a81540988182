#include "supervise/log_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/strings.h"

namespace fairlead::supervise {

namespace {

constexpr std::size_t kShortestSecret = 4;

}  // namespace

// "web.1.v3" is replica web.1 of release v3.
control::LogOrigin LogBook::origin_of(std::string_view name) const {
  control::LogOrigin origin = origin_;
  const auto dot = name.rfind('.');
  const bool has_release = dot != std::string_view::npos && name.substr(dot).starts_with(".v") &&
                           parse_unsigned(name.substr(dot + 2)).has_value();
  origin.replica = has_release ? name.substr(0, dot) : name;
  if (has_release) origin.release = name.substr(dot + 1);
  return origin;
}

void LogBook::hide(std::vector<std::string> secrets) {
  for (auto& secret : secrets)
    if (secret.size() >= kShortestSecret && std::ranges::find(secrets_, secret) == secrets_.end())
      secrets_.push_back(std::move(secret));
  std::ranges::sort(secrets_, std::greater(), &std::string::size);
}

std::string LogBook::redacted(std::string_view line) const {
  std::string text(line);
  for (const auto& secret : secrets_)
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
      text.replace(at, secret.size(), "***");
  return text;
}

Result<> LogBook::append(std::string_view name, std::span<const std::string_view> lines,
                         std::string_view spool, std::uint64_t position) {
  if (secrets_.empty()) return sink_.append(origin_of(name), lines, spool, position);
  std::vector<std::string> texts;
  for (const auto line : lines) texts.push_back(redacted(line));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return sink_.append(origin_of(name), views, spool, position);
}

void LogBook::note(std::string_view name, std::string_view text) {
  const std::string line = redacted(fmt::format("[fairlead: {}]", text));
  const std::string_view view = line;
  // Worth a line, not a failure.
  static_cast<void>(sink_.append(origin_of(name), {&view, 1}, {}, 0));
}

}  // namespace fairlead::supervise
