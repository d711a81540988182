#pragma once

#include <string>

namespace fairlead::cli {

struct BansOptions {
  std::string action;  // "list", "add", "lift"
  std::string client;
  std::string length = "1h";
  std::string reason;
  std::string app;
  std::string state;
  bool json = false;
};

// `fairlead bans`: who is kept out, and by hand.
int run_bans(const BansOptions& options);

}  // namespace fairlead::cli
