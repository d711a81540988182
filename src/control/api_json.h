// JSON of the control API's messages, for the files that implement them: nobody else needs
// nlohmann's headers.
#pragma once

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control/api.h"

namespace fairlead::control {

using nlohmann::json;

json write(const Failure& failure);
Failure read_failure(const json& object);
json write_time(WallTime time);  // RFC 3339; null for none

// A missing key leaves the default (an older control wrote the text); a value of another type
// throws.
template <typename T>
void read(const json& object, const char* key, T& into) {
  if (const auto found = object.find(key); found != object.end() && !found->is_null())
    found->get_to(into);
}
void read_time(const json& object, const char* key, WallTime& into);

// Durations are whole nanoseconds in JSON: "duration_ns".
inline std::int64_t ns(Duration duration) { return duration.count(); }
inline void read_duration(const json& object, const char* key, Duration& into) {
  std::int64_t count = 0;
  read(object, key, count);
  into = Duration(count);
}

// An enumeration by its names; one that is not known leaves the default.
template <typename Enum, std::size_t N>
void read_name(const json& object, const char* key, const std::array<std::string_view, N>& names,
               Enum& into) {
  std::string text;
  read(object, key, text);
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) into = static_cast<Enum>(i);
}

// Logs hold any bytes; JSON holds UTF-8 alone.
std::string dump(const json& value);

// Reads a whole message; kProtocol when it is not JSON, or a value has the wrong type.
template <typename T, typename Read>
Result<T> parse(std::string_view what, std::string_view text, Read read_into) {
  try {
    const json object = json::parse(text);
    if (!object.is_object())
      return fail(Code::kProtocol, fmt::format("{} is no JSON object", what));
    T message;
    read_into(object, message);
    return message;
  } catch (const json::exception& e) {
    return fail(Code::kProtocol, fmt::format("{} cannot be read: {}", what, e.what()));
  }
}

}  // namespace fairlead::control
