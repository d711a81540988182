#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::cli {

struct HardenOptions {
  std::string action;  // "plan", "apply", "confirm", "undo"
  std::string users;   // a file
  std::vector<std::uint16_t> ports;
  std::vector<std::string> only;
  std::string root = "/";
  std::string within = "2m";
  bool stay = false;  // apply without waiting for a confirmation
};

// `fairlead harden`.
int run_harden(const HardenOptions& options);

}  // namespace fairlead::cli
