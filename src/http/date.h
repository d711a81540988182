// Dates as HTTP writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace fairlead::http {

// A date in any of the three forms of RFC 9110 §5.6.7, strictly but for the case of letters. The
// weekday need not fit. `now` resolves the two-digit years of RFC 850: what would lie more than 50
// years ahead is of the past century. Anything else is nothing.
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text,
                                                   std::chrono::sys_seconds now);

}  // namespace fairlead::http
