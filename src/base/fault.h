// Places where a process can be made to die, for tests that show that nothing is lost by it.
#pragma once

#include <string_view>

namespace fairlead {

// With FAIRLEAD_DIE_AT=N in its environment, the process names the N-th such place that it passes
// on stderr and kills itself there (SIGKILL: nothing is closed, flushed or undone). Without, it
// costs a comparison. One thread.
void fault_point(std::string_view place);

}  // namespace fairlead
