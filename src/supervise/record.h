// What control writes down of a process that it has started, so that another control can find it: a
// small file NAME.pid in the folder of sockets and FIFOs. A process is known by its id, the time of
// its start and the boot it belongs to; an id alone is used again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::supervise {

struct Record {
  std::string name;  // "web.1"
  pid_t pid = 0;
  std::uint64_t start = 0;  // clock ticks since the boot
  std::string boot;         // the kernel's boot id
  std::uint16_t port = 0;   // the PORT it was given; 0 for none
};

Result<> write_record(const std::filesystem::path& folder, std::string_view name, pid_t pid,
                      std::uint16_t port = 0);
void remove_record(const std::filesystem::path& folder, std::string_view name);
// Whether the very process still runs; a zombie does not.
bool still_runs(const Record& record);
// The record of that name, if its process still runs.
std::optional<Record> find_running(const std::filesystem::path& folder, std::string_view name);
// All records in the folder, of dead processes too.
std::vector<Record> read_records(const std::filesystem::path& folder);

// Every process is started with this variable, FOLDER/NAME, and hands it down to what it starts:
// so that nothing is missed, whatever became of records, process groups and parents.
inline constexpr std::string_view kMark = "FAIRLEAD_RUN";

// Ends what an earlier control has left running: SIGTERM to every process with a mark or a record
// of this folder, SIGKILL at the deadline. Gives the names of what was found; removes the records.
io::Task<std::vector<std::string>> end_leftovers(io::Loop& loop, std::filesystem::path folder,
                                                 io::Deadline deadline);
// The same, but for what has a record for which `keep` answers true, and what belongs to its
// session: for a control that adopts.
io::Task<std::vector<std::string>> end_leftovers_but(io::Loop& loop, std::filesystem::path folder,
                                                     std::function<bool(const Record& record)> keep,
                                                     io::Deadline deadline);

}  // namespace fairlead::supervise
