#include "http/trace_context.h"

#include <algorithm>

namespace fairlead::http {

TraceParent parse_traceparent(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  const auto is_zero = [](char c) { return c == '0'; };
  if (text.size() < TraceParent::kSize || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return {};
  const std::string_view version = text.substr(0, 2);
  const TraceParent parent{text.substr(3, 32), text.substr(36, 16), text.substr(53, 2)};
  // Later versions may append to it; "ff" is none.
  if (version == "00" ? text.size() != TraceParent::kSize
                      : text.size() > TraceParent::kSize && text[55] != '-')
    return {};
  for (const std::string_view part : {version, parent.trace, parent.span, parent.flags})
    if (!std::ranges::all_of(part, is_hex)) return {};
  if (version == "ff" || std::ranges::all_of(parent.trace, is_zero) ||
      std::ranges::all_of(parent.span, is_zero))
    return {};
  return parent;
}

}  // namespace fairlead::http
