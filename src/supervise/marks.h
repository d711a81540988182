// Processes by the mark that they were started with (kMark in record.h), looked for once on behalf
// of many folders: each look reads the environment of every process of the machine.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "supervise/record.h"

namespace fairlead::supervise {

struct Marked {
  pid_t pid = 0;
  std::string mark;  // "FOLDER/NAME"
};

// All that carry a mark now, whoever started them; blocks.
std::vector<Marked> marked_processes();

// end_leftovers_but() with what marked_processes() has found a moment ago. What is ended is looked
// at again before.
io::Task<std::vector<std::string>> end_leftovers_among(
    io::Loop& loop, std::filesystem::path folder, std::vector<Marked> marked,
    std::function<bool(const Record& record)> keep, io::Deadline deadline);

}  // namespace fairlead::supervise
