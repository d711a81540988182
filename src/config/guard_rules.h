#pragma once

#include <vector>

#include "config/app_spec.h"

namespace fairlead::config {

// The rules that hold for an app: its own, then the standard ones where it wants them. One of its
// own takes the place of a standard one of the same name.
std::vector<BanSpec> ban_rules(const GuardSpec& guard);

// HTTP or TLS that cannot be read, where the app wants the standard rules: it has no paths and no
// statuses.
BanSpec broken_rule();

}  // namespace fairlead::config
