// The verbs that look and change nothing. Each gives the exit status.
#pragma once

#include <string>

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

}  // namespace fairlead::cli
