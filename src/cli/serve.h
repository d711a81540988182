#pragma once

#include <string>

namespace fairlead::cli {

struct ServeOptions {
  std::string state;  // "": see serve_state()
};

// `fairlead serve`: many apps and environments behind one edge, told what to do over the control
// API. SIGTERM ends control alone: edge and replicas go on, and the next control takes them over.
// Gives the exit status.
int run_serve(const ServeOptions& options);

}  // namespace fairlead::cli
