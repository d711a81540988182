// HAProxy's configuration for the routes of an app: used on one machine, and in front of containers
// that are found by name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/app_spec.h"
#include "target/report.h"

namespace fairlead::target {

struct HaproxyPlace {
  std::string bind;                    // "*:8080"
  std::vector<std::string> preamble;   // lines at the top of the file, as comments
  std::vector<std::string> resolvers;  // lines of a section "resolvers names"; or none
  // The server lines of a process type.
  std::function<std::vector<std::string>(const config::ProcessSpec&)> servers;
};

std::string haproxy_config(const config::AppSpec& app, const HaproxyPlace& place);

// What HAProxy makes of the routes, the same wherever it runs.
void report_haproxy_routes(const config::AppSpec& app, Report& report);

}  // namespace fairlead::target
