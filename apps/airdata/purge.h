#pragma once

#include "base/error.h"
#include "service/environment.h"

namespace airdata {

// Every answer carries this key: a load changes means, lists and pages alike.
inline constexpr const char* kSurrogateKey = "air_quality";

// Tells the cache in front, where PURGE_URL (http://…) names one, that what it keeps under
// kSurrogateKey has changed: a PURGE with that Surrogate-Key. Blocks.
fairlead::Result<> purge(const fairlead::service::Environment& environment);

}  // namespace airdata
