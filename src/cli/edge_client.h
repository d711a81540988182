#pragma once

#include <string>

#include "base/error.h"
#include "http/head.h"

namespace fairlead::cli {

// One request on the edge's control socket; the JSON that it answered. `state` and `app` as
// find_state() takes them. What the edge refused is kInvalid with its reason. Blocks.
Result<std::string> ask_edge(const std::string& state, const std::string& app, http::Method method,
                             std::string target);

}  // namespace fairlead::cli
