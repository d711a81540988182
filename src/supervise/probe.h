#pragma once

#include <string>

#include "control/api.h"
#include "io/address.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::supervise {

struct ProbeResult {
  bool ready = false;
  control::ProbeEvidence evidence;
};

// Asks once whether a replica is ready: GET `path` must answer 2xx, and nothing else will do (a
// redirect is not followed, it is kept as evidence). With an empty path a connection is enough.
io::Task<ProbeResult> probe(io::Loop& loop, io::Address address, std::string path,
                            io::Deadline deadline);

}  // namespace fairlead::supervise
