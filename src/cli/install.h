// `fairlead install` and `uninstall`: control as a service of systemd.
#pragma once

#include <string>

namespace fairlead::cli {

struct InstallOptions {
  std::string root = "/";  // below which the unit is written
  std::string state;
  bool print = false;  // the unit, to stdout; nothing is written
};

// Writes the unit, and starts it where systemd runs. Gives the exit status.
int run_install(const InstallOptions& options);
// Stops everything that control runs, then takes the unit away. The state folder stays.
int run_uninstall(const InstallOptions& options);

}  // namespace fairlead::cli
