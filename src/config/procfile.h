// The Procfile: `name: command` a line. `release` is the release command, all others are process
// types.
#pragma once

#include <string_view>

#include "config/diagnostics.h"
#include "config/document.h"

namespace fairlead::config {

// Adds what it says to the document, as if it stood there; what the document says itself wins.
void read_procfile(std::string_view text, Node& document, Diagnostics& diagnostics);

}  // namespace fairlead::config
