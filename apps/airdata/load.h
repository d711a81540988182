// "airdata load FILE|- [--skip-bad FILE]": a CSV into the database, whole or not at all.
#pragma once

#include <string_view>
#include <vector>

#include "service/environment.h"

namespace airdata {

// A bad row rejects the file, naming line, column and value; with --skip-bad it is written aside
// and the rest is loaded. Progress goes to stderr where that is a terminal. Exit codes: 0, 1
// failed, 2 usage.
int load(const fairlead::service::Environment& environment,
         std::vector<std::string_view> arguments);

}  // namespace airdata
