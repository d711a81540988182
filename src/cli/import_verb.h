// `fairlead import`: a fairlead.toml from a Compose file or a Procfile.
#pragma once

#include <string>

namespace fairlead::cli {

struct ImportOptions {
  std::string kind;                   // "compose" or "procfile"
  std::string file;                   // "": the one that is usual, here
  std::string out = "fairlead.toml";  // "-" for stdout
};

// What did not come along goes to stderr. A file that is there is never overwritten. Gives the exit
// status.
int run_import(const ImportOptions& options);

}  // namespace fairlead::cli
