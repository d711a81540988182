#include "supervise/log_book.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace fairlead::supervise {

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

Result<> LogBook::append(std::string_view name, std::span<const std::string_view> lines,
                         std::string_view spool, std::uint64_t position) {
  return sink_.append(origin_of(name), lines, spool, position);
}

void LogBook::note(std::string_view name, std::string_view text) {
  const std::string line = fmt::format("[fairlead: {}]", text);
  const std::string_view view = line;
  // Worth a line, not a failure.
  static_cast<void>(sink_.append(origin_of(name), {&view, 1}, {}, 0));
}

}  // namespace fairlead::supervise
