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

// One place where a service is offered.
struct Service {
  Address address;
  unsigned weight = 1;
};

// All that a name leads to, sorted, each once: the same answer in another order is equal. kNotFound
// when the DNS says that there is nothing, kUnavailable when it says nothing.
Task<Result<std::vector<Service>>> resolve_all(Loop& loop, Worker& worker, std::string host,
                                               std::uint16_t port);
// The same by SRV records (RFC 2782), of the best priority alone, weights included; a weight of 0
// counts as 1.
Task<Result<std::vector<Service>>> resolve_service(Loop& loop, Worker& worker, std::string name);

}  // namespace fairlead::io
