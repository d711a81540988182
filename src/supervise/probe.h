#pragma once

#include <cstdint>
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

// What a process speaks that is asked whether it is ready.
enum class Protocol : std::uint8_t { kHttp, kPostgresql, kRedis };

// Asks once whether a process is ready. HTTP: GET `path` must answer 2xx, and nothing else will do
// (a redirect is not followed, it is kept as evidence); with an empty path a connection is enough.
// The others: it answers a first message, and not that it is still starting.
io::Task<ProbeResult> probe(io::Loop& loop, Protocol protocol, io::Address address,
                            std::string path, io::Deadline deadline);

}  // namespace fairlead::supervise
