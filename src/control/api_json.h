// JSON of the control API's messages, for the files that implement them: nobody else needs
// nlohmann's headers.
#pragma once

#include <fmt/format.h>

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
