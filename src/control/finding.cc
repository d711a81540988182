#include "control/finding.h"

#include "control/api_json.h"

namespace fairlead::control {

namespace {

constexpr std::array<std::string_view, 3> kVerdicts = {"good", "doubtful", "bad"};

json write(const Finding& finding) {
  return {{"check", finding.check},
          {"verdict", to_string(finding.verdict)},
          {"text", finding.text},
          {"next_step", finding.next_step}};
}

}  // namespace

std::string_view to_string(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }

std::string to_json(const Finding& finding) { return dump(write(finding)); }

std::string to_json(const std::vector<Finding>& findings) {
  json array = json::array();
  for (const auto& finding : findings) array.push_back(write(finding));
  return dump(array);
}

Result<Finding> finding_from_json(std::string_view text) {
  return parse<Finding>("a finding", text, [](const json& object, Finding& finding) {
    read(object, "check", finding.check);
    read_name(object, "verdict", kVerdicts, finding.verdict);
    read(object, "text", finding.text);
    read(object, "next_step", finding.next_step);
  });
}

}  // namespace fairlead::control
