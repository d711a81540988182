// Names to addresses, on a thread of its own: the C library's resolver blocks.
#pragma once

#include <string>
#include <vector>

#include "io/address.h"
#include "io/task.h"
#include "io/worker.h"

namespace fairlead::io {

// In the order in which they should be tried (RFC 6724); never empty. An IP address gives itself
// without asking anybody. kUnavailable for a name that is not known, or not now. The worker must
// outlive the call; how long it takes is the system's resolver's business (resolv.conf).
Task<Result<std::vector<Address>>> resolve(Loop& loop, Worker& worker, std::string host,
                                           std::uint16_t port);

}  // namespace fairlead::io
