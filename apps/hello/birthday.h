// Dates of birth, and how long until they come round again. Calendar days only: no clocks here but
// today().
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hello {

using Date = std::chrono::year_month_day;

// "YYYY-MM-DD", exactly so, of a day that was or will be; else nothing.
std::optional<Date> parse_date(std::string_view text);
std::string format_date(Date date);

// The day it is where the process is: by the environment variable TZ.
Date today();

// Days from `day` to the next anniversary of `birth`, 0 on the day itself. Who was born on the 29th
// of February has it on the 1st of March in years without one, as most laws have it.
int days_to_birthday(Date birth, Date day);

}  // namespace hello
