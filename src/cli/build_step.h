#pragma once

#include "cli/terminal.h"
#include "io/deadline.h"
#include "supervise/environment.h"

namespace fairlead::cli {

// Runs the app's [build] command where its sources are, its output shown as progress and kept in
// the log "build". kUnavailable with the last lines when it fails.
io::Task<Result<>> build(const supervise::Surroundings& surroundings,
                         const supervise::EnvironmentSpec& environment, Progress& progress,
                         io::Deadline deadline);

}  // namespace fairlead::cli
