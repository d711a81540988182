// Runs an app's build command in a clean copy of its source.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/app_spec.h"
#include "io/child.h"
#include "io/worker.h"
#include "ship/source.h"

namespace fairlead::ship {

struct BuildRequest {
  std::filesystem::path source;  // the folder that [build] root names
  std::filesystem::path copy;    // where the clean copy is kept between builds
  std::filesystem::path log;     // the whole output goes here
  std::string command;           // [build] command, run by /bin/sh: it is the user's own text
  std::vector<std::string> environment;   // "NAME=value": never a secret
  std::vector<std::string> cgroup_procs;  // the cap: cgroups that the build enters
};

struct BuildResult {
  Source source;
  Copied copied;
  Duration duration{0};
};

// kInvalid when the command fails: the message names its exit status, the hint its log. kTimeout
// kills all that the command started. `on_line` gets every line of output, without its newline, as
// it comes.
io::Task<Result<BuildResult>> build(io::Loop& loop, io::Worker& worker, BuildRequest request,
                                    std::function<void(std::string_view)> on_line,
                                    io::Deadline deadline);

}  // namespace fairlead::ship
