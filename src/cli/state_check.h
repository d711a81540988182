// Whether what control remembers, what lies on disk and what runs fit together.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "cli/order_desk.h"
#include "control/finding.h"

namespace fairlead::cli {

// Of every environment: exactly the live release runs, whole; its secrets can be read; releases to
// roll back to have their artifacts. Of every artifact: it is what its name says. Reads them all.
io::Task<std::vector<control::Finding>> check_state(Harbour& harbour, ship::Ledger& ledger,
                                                    const OrderDesk::Berths& berths);

}  // namespace fairlead::cli
