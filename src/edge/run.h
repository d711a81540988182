#pragma once

#include <filesystem>

#include "base/clock.h"

namespace fairlead::edge {

struct RunOptions {
  // Holds snapshot.json (the last good snapshot: it starts from it alone), edge.sock (the control
  // socket, see AdminServer) and is made if missing.
  std::filesystem::path state;
  // A file of names to follow (follow.h) instead of a control that sends snapshots; "" for none.
  std::filesystem::path follow;
  // After SIGTERM, SIGINT or POST /drain: how long requests in flight may take.
  Duration drain_patience = 30s;
};

// `fairlead edge`: serves until SIGTERM, SIGINT or POST /drain; SIGUSR1 opens the access log anew.
// Gives the process's exit status. Logs to stderr.
int run_edge(const RunOptions& options);

}  // namespace fairlead::edge
