// The clean copy that a build runs in: the files of a source folder that belong to it, and nothing
// else of the machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::ship {

struct Source {
  std::vector<std::string> files;  // relative paths, sorted; files and symbolic links
  std::string commit;              // of git, "" without one
  bool changed = false;            // differs from that commit
};

// In a git checkout: the tracked files and the untracked ones that git does not ignore, as they are
// in the work tree. Else every file but those below .git and .fairlead. `root` is a folder.
io::Task<Result<Source>> list_source(io::Loop& loop, std::filesystem::path root,
                                     io::Deadline deadline);

// Of names, contents and whether they are executable: the same for the same files. Blocking.
Result<std::string> digest_of_source(const std::filesystem::path& root, const Source& source);

struct Copied {
  std::uint64_t files = 0;  // written anew
  std::uint64_t removed = 0;
  std::uint64_t bytes = 0;
};

// Makes `copy` hold these files of `root`: new and changed ones (by size and time, kept) are
// written, what an earlier call wrote and is gone from the list is removed. What a build left there
// stays, so that the next one is quick. Blocking: for an io::Worker.
Result<Copied> copy_source(const std::filesystem::path& root, const Source& source,
                           const std::filesystem::path& copy);

}  // namespace fairlead::ship
