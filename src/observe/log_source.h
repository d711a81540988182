#pragma once

#include "control/log_source.h"
#include "io/loop.h"
#include "io/worker.h"
#include "observe/log_store.h"

namespace fairlead::observe {

// The lines that `query` asks for, for control to hand out: what is stored, then, when it follows,
// what comes. Searches run on `worker`, in slices, so that a long one holds up no other for long.
// Loop, worker and store outlive the source.
control::LogSource read_log(LogStore& store, io::Loop& loop, io::Worker& worker,
                            control::LogQuery query);

// A line as control tells of it.
control::LogLine to_control(LogLine line);

}  // namespace fairlead::observe
