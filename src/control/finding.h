// What `fairlead doctor` tells: one line for each thing that was looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fairlead::control {

enum class Verdict : std::uint8_t {
  kGood,
  kDoubtful,  // it works, but somebody should look
  kBad,
};
std::string_view to_string(Verdict verdict);  // "good"

struct Finding {
  std::string check;  // what was looked at: "visitors/production", "artifacts", "disk"
  Verdict verdict = Verdict::kGood;
  std::string text;       // what was found, in a sentence
  std::string next_step;  // what to try; "" when nothing is wrong
};

std::string to_json(const Finding& finding);
std::string to_json(const std::vector<Finding>& findings);
Result<Finding> finding_from_json(std::string_view text);

}  // namespace fairlead::control
