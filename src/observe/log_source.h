// The log as control hands it out: batch by batch, on a loop, without blocking it.
#pragma once

#include "control/log_source.h"
#include "io/loop.h"
#include "io/worker.h"
#include "observe/log_store.h"

namespace fairlead::observe {

// Lines that match both: `filter` says which (its limit and times are not looked at), `query` which
// processes, since when, how many at most, and whether to go on with what comes. Searches run on
// `worker`. Store, loop and worker must outlive the source; it is used on the loop's thread.
control::LogSource read_log(LogStore& store, io::Loop& loop, io::Worker& worker, LogQuery filter,
                            control::LogQuery query);

}  // namespace fairlead::observe
