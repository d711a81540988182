// The environment variables of a process: all the configuration that a service has (12-factor).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::service {

// A value, so that tests bring their own. A variable that is set to nothing counts as not set.
class Environment {
 public:
  static Environment of_process();
  explicit Environment(std::map<std::string, std::string, std::less<>> variables)
      : variables_(std::move(variables)) {}

  std::optional<std::string> find(std::string_view name) const;
  std::string get(std::string_view name, std::string_view fallback) const;
  // kInvalid, naming the variable, if it is not a number from `least` to `most`.
  Result<std::uint64_t> number(std::string_view name, std::uint64_t fallback, std::uint64_t least,
                               std::uint64_t most) const;
  // True for 1, true, yes, on; false for 0, false, no, off and when not set; else kInvalid.
  Result<bool> flag(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

}  // namespace fairlead::service
