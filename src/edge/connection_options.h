#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "http/head.h"

namespace fairlead::edge {

// The values of all Connection fields, as one list for http::is_hop_by_hop().
class ConnectionOptions {
 public:
  explicit ConnectionOptions(std::span<const http::Field> fields) {
    for (const http::Field& field : fields) {
      if (field.id != http::FieldId::kConnection) continue;
      if (value_.empty()) {
        value_ = field.value;
      } else {
        joined_ = fmt::format("{},{}", value_, field.value);
        value_ = joined_;
      }
    }
    // The usual values name no field; they need no comparing with each field.
    if (iequals(value_, "keep-alive") || iequals(value_, "close")) value_ = {};
  }
  ConnectionOptions(const ConnectionOptions&) = delete;
  std::string_view value() const { return value_; }

 private:
  std::string_view value_;
  std::string joined_;
};

}  // namespace fairlead::edge
