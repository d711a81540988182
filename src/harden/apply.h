// Carrying a plan out, and taking it back.
#pragma once

#include "base/clock.h"
#include "harden/plan.h"

namespace fairlead::harden {

// Carries the plan out. What was there before is in the journal first. On failure everything is as
// it was. Not confirmed yet: undo_unless_confirmed() has to be running by then. Blocks.
Result<> apply(const Plan& plan);

// Takes the last application back, byte for byte. A file that somebody has changed since is left
// alone and named in the answer. Blocks.
Result<std::vector<std::string>> undo(const std::filesystem::path& root);

// The last application stays. kNotFound if none waits for that.
Result<> confirm(const std::filesystem::path& root);

// Starts a process that outlives this one and its terminal, and undoes the last application after
// `patience` unless it was confirmed by then.
Result<> undo_unless_confirmed(const std::filesystem::path& root, Duration patience);

}  // namespace fairlead::harden
