#pragma once

#include <string>

namespace fairlead::cli {

struct UpOptions {
  std::string app = ".";  // a fairlead.toml, or its folder
  std::string environment = "dev";
  std::string state;  // "": see find_state()
};

// `fairlead up`: builds the app, starts it with the edge in front, shows where it is, and stops
// everything at SIGINT, SIGTERM or SIGHUP. Gives the exit status.
int run_up(const UpOptions& options);

}  // namespace fairlead::cli
