#pragma once

#include <string>

namespace fairlead::cli {

struct TopOptions {
  std::string state;
  bool once = false;
};

// `fairlead top`: apps, replicas and the machine, drawn anew every two seconds until q or Ctrl-C.
// Without a terminal, or once, it prints one picture. Gives the exit status.
int run_top(const TopOptions& options);

}  // namespace fairlead::cli
