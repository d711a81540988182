// The verb "serve": sockets, the routes that all services have, counting, draining.
#pragma once

#include "service/service.h"

namespace fairlead::service {

// Until SIGTERM or SIGINT, then ok when everything that was asked has been answered. kInvalid for
// wrong configuration.
Result<> serve(const Definition& definition, const Environment& environment);

}  // namespace fairlead::service
