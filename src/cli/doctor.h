// `fairlead doctor`: looks at everything that a running Fairlead stands on, and says what is wrong.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/state.h"
#include "control/api.h"
#include "control/finding.h"

namespace fairlead::cli {

struct DoctorOptions {
  std::string state;
  bool json = false;
};

// What the checks look at.
struct Patient {
  StateFolders folders;
  std::optional<control::Status> status;  // nothing when control does not answer
  std::vector<control::Finding> findings;

  void good(std::string check, std::string text);
  void doubtful(std::string check, std::string text, std::string next_step);
  void bad(std::string check, std::string text, std::string next_step);
};

// Looks at one thing, changes nothing, and says what it found. May block for seconds.
using Check = void (*)(Patient&);

// Gives the exit status: 0 when nothing is bad, else 1.
int run_doctor(const DoctorOptions& options);

}  // namespace fairlead::cli
