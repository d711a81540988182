#pragma once

#include <string>
#include <vector>

#include "config/app_spec.h"

namespace fairlead::config {

// What a change of the file changes, a line for each value, by its path in the file:
// "processes.web.replicas: 2 → 3", "env.COLOUR: none → \"red\"". Defaults count as written.
std::vector<std::string> differences(const AppSpec& before, const AppSpec& after);

}  // namespace fairlead::config
