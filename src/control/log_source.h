#pragma once

#include <functional>
#include <vector>

#include "control/api.h"
#include "io/deadline.h"
#include "io/task.h"

namespace fairlead::control {

// Log lines, a batch a call, oldest first; an empty batch is the end. A source that follows waits
// for more until the deadline (kTimeout: nothing came, call again).
using LogSource =
    std::move_only_function<io::Task<Result<std::vector<LogLine>>>(io::Deadline deadline)>;

}  // namespace fairlead::control
