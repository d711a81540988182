// What must hold between the parts of one environment, where each part is right by itself.
#pragma once

#include "config/app_spec.h"
#include "config/diagnostics.h"
#include "config/document.h"
#include "config/schema.h"

namespace fairlead::config {

// `document` is what the spec was read from by `reader`: for the places, and to leave alone what is
// wrong already.
void check(const AppSpec& spec, const Node& document, const Reader& reader,
           Diagnostics& diagnostics);

}  // namespace fairlead::config
