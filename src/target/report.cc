#include "target/report.h"

#include <fmt/format.h>

namespace fairlead::target {

std::string Report::to_markdown(const config::AppSpec& app, const Target& target) const {
  std::string out = fmt::format("# {} ({}) on {}\n\n{}.\n", app.name, app.environment, target.name,
                                target.summary);
  constexpr std::pair<Fidelity, std::string_view> kParts[] = {
      {Fidelity::kCarried, "Carried over"},
      {Fidelity::kDiffers, "Done differently there"},
      {Fidelity::kMissing, "Not there"}};
  for (const auto& [fidelity, heading] : kParts) {
    std::string list;
    for (const auto& note : notes_)
      if (note.fidelity == fidelity) list += fmt::format("- `{}`: {}.\n", note.subject, note.text);
    if (!list.empty()) out += fmt::format("\n## {}\n\n{}", heading, list);
  }
  return out;
}

}  // namespace fairlead::target
