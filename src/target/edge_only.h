// What of a spec Fairlead's own edge alone carries out.
#pragma once

#include "config/app_spec.h"
#include "target/report.h"

namespace fairlead::target {

// The app as targets with another edge can take it: routes that no process answers are left out.
// What is lost of it goes into the report, one note for each route and process type.
config::AppSpec without_edge_only(const config::AppSpec& app, Report& report);

}  // namespace fairlead::target
