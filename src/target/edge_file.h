// What `fairlead edge --follow` reads where an engine starts the replicas: the app's routes, and
// the names that the engine's DNS knows the replicas by.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/app_spec.h"
#include "target/report.h"

namespace fairlead::target {

struct EdgePlace {
  // The DNS name of a process type's replicas: "tasks.web".
  std::function<std::string(const config::ProcessSpec&)> name;
  // Whose X-Forwarded-For is believed: the addresses of what stands in front of the edge; or none.
  std::vector<std::string> trusted_proxies;
};

std::string edge_file(const config::AppSpec& app, const EdgePlace& place);

// What becomes of routes, limits, caches and health checks, the same wherever the edge runs.
void report_edge(const config::AppSpec& app, Report& report);

}  // namespace fairlead::target
