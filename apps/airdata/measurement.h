// One row of measurements, and its spellings: CSV, JSON, time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace airdata {

// Microseconds since 1970, in the data's own time zone (it names none).
using Micros = std::int64_t;

inline constexpr std::array<std::string_view, 6> kValues = {"so2", "no2",  "co",
                                                            "o3",  "pm10", "pm2_5"};
inline constexpr std::string_view kCsvHeader = "TimeInstant,id_entity,so2,no2,co,o3,pm10,pm2_5";

struct Measurement {
  Micros time = 0;
  std::string station;
  std::array<std::optional<double>, kValues.size()> values;  // µg/m3, co in mg/m3
};

// "2016-10-01 00:00:00.004", also with T, without fraction, seconds or time of day, with a Z;
// nothing for anything else.
std::optional<Micros> parse_time(std::string_view text);
// Appends 2016-10-01T00:00:00.004 (six digits where three are not enough); `separator` is T or a
// space.
void append_time(std::string& out, Micros time, char separator = 'T');

// Reads a line of the CSV. kInvalid names the column and the value.
fairlead::Result<> parse_row(std::string_view line, Measurement& row);

void append_json(std::string& out, const Measurement& row);
void append_csv(std::string& out, const Measurement& row);

}  // namespace airdata
