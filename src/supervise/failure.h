#pragma once

#include <optional>

#include "control/api.h"
#include "io/child.h"
#include "supervise/process.h"

namespace fairlead::supervise {

// What is known about a run that ended, or did not become ready.
struct Facts {
  const ProcessSpec& spec;
  std::optional<io::ExitStatus> exit;  // nothing when it still runs, or never ran
  const Error* error = nullptr;        // it could not be started, or was not ready in time
  Duration lived{0};
  bool was_ready = false;
  bool out_of_memory = false;
  std::uint64_t memory_peak = 0;
  std::optional<control::ProbeEvidence> probe;
  std::uint16_t port = 0;               // the PORT it was given
  std::vector<std::string> listening;   // addresses it listened on
  std::vector<std::string> last_lines;  // of its output
};

// The cause as a sentence, the evidence, and what to try next.
control::Failure describe(Facts facts);

}  // namespace fairlead::supervise
