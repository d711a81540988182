// What the kernel says of processes and the machine, and control of its replicas.
#pragma once

#include <filesystem>
#include <vector>

#include "control/api.h"
#include "observe/openmetrics.h"

namespace fairlead::observe {

// Of every process that `status` names and of all that it started (its session): CPU time, memory,
// descriptors, restarts, readiness. Of the machine: CPU time, memory, load, and the space of the
// file system that holds `folder`. Reads /proc: a few milliseconds, so not on a busy loop.
std::vector<ScrapedSample> machine_samples(const control::Status& status,
                                           const std::filesystem::path& folder);

// When the certificate in each of these PEM files ends; nothing for one that cannot be read.
std::vector<ScrapedSample> certificate_samples(const std::vector<std::filesystem::path>& files);

}  // namespace fairlead::observe
