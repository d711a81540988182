// The verbs that look and change nothing. Each gives the exit status.
#pragma once

#include <string>
#include <vector>

namespace fairlead::cli {

int run_version(bool json);

struct CheckOptions {
  std::string app = ".";
  std::string environment;  // "": all
  bool json = false;
};
int run_check(const CheckOptions& options);

struct StatusOptions {
  std::string app;
  std::string state;
  bool json = false;
};
int run_status(const StatusOptions& options);
// One line a process: of every environment, and the edge.
int run_ps(const StatusOptions& options);

struct LogsOptions {
  std::vector<std::string> replicas;
  std::string app;
  std::string state;
  std::string since;  // "10m", or a time of RFC 3339; "" for no limit
  unsigned lines = 200;
  bool follow = false;
  bool json = false;
};
int run_logs(const LogsOptions& options);

}  // namespace fairlead::cli
