// What an app's [guard] means for the edge.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/app_spec.h"
#include "control/snapshot.h"

namespace fairlead::cli {

// The rules for each of the app's routes: its own, and the standard ones where it wants them.
std::vector<control::BanRule> ban_rules_of(const config::GuardSpec& guard);

// What concerns the edge as a whole. Of several apps the most lenient limit holds.
void add_guard(control::Snapshot& snapshot, const config::GuardSpec& guard);

// Where the guard keeps its bans and writes what it saw, in a state folder.
void place_guard(control::Snapshot& snapshot, const std::filesystem::path& state);

// The token by which an environment ("APP/NAME") may purge what is cached of it. Made once for each
// state folder.
Result<std::string> purge_token(const std::filesystem::path& state, const std::string& environment);
// PURGE_URL for processes of this machine; `listener` is the edge's plain HTTP address.
std::string purge_url(const std::string& listener, const std::string& token);

}  // namespace fairlead::cli
