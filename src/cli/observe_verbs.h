// The verbs that look at logs, metrics and alerts. Each gives the exit status.
#pragma once

#include <string>
#include <vector>

namespace fairlead::cli {

struct LogsOptions {
  std::vector<std::string> replicas;
  std::string app, environment, release, source;
  std::string grep, level, status, request;
  std::string state;
  std::string since, until;  // "10m", or a time of RFC 3339; "" for no limit
  unsigned lines = 200;
  bool follow = false;
  bool json = false;
};
// From the control that runs; from the store's files where none does.
int run_logs(const LogsOptions& options);

}  // namespace fairlead::cli
