// Status and failures as people read them.
#pragma once

#include <cstdio>
#include <string>

#include "control/api.h"

namespace fairlead::cli {

// The one screen that `up` shows when all is ready.
std::string up_screen(const control::Status& status, Duration took);
// What `status` shows.
std::string status_screen(const control::Status& status);
// The page of evidence for a process that failed: cause, probe, memory, ports, log, next step.
std::string failure_page(const std::string& name, const control::Failure& failure);

}  // namespace fairlead::cli
