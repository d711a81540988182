// `fairlead cache`: asks the edge of a running Fairlead about what it stores, and has it forget.
#pragma once

#include <string>

namespace fairlead::cli {

struct CacheOptions {
  std::string action;  // "purge", "stats", "inspect"
  std::string url;     // of purge and inspect
  std::string prefix;
  std::string tag;
  std::string environment;
  bool all = false;
  bool soft = false;
  std::string app;
  std::string state;
  bool json = false;
};
int run_cache(const CacheOptions& options);

}  // namespace fairlead::cli
