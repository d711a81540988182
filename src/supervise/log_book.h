// The logs of an environment's processes: one file each, rotated by size, every line stamped and
// tagged:
//
//   2026-11-20T13:39:18.123456Z web.1 what the process wrote
//
// Belongs to one loop's thread. Writing blocks as long as the page cache takes.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "control/api.h"
#include "control/log_source.h"
#include "io/loop.h"
#include "io/sync.h"

namespace fairlead::supervise {

struct LogLimits {
  std::uint64_t file_size = 8u << 20;  // bytes; then NAME.log becomes NAME.log.1, that .2, …
  unsigned files = 4;                  // of one process, the current one included
};

class LogBook {
 public:
  // Keeps its files in `folder`, made when the first line comes.
  LogBook(io::Loop& loop, std::filesystem::path folder, LogLimits limits = {});

  // Lines without their newlines, of one process, all stamped with the present time. A disk that is
  // full loses lines, never the caller; how many were lost is the next line that can be written.
  void append(std::string_view replica, std::span<const std::string_view> lines);
  // A line of Fairlead's own among those of the process: "[fairlead: <text>]".
  void note(std::string_view replica, std::string_view text);

  // What is on disk, then, when it follows, what is appended later. The book must outlive it.
  control::LogSource read(control::LogQuery query);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  struct File {
    UniqueFd fd;
    std::uint64_t size = 0;
    std::uint64_t lost = 0;  // lines
  };
  Result<> open(File& file, std::string_view replica) const;
  void rotate(File& file, std::string_view replica) const;
  struct Follower;

  io::Event appended_;
  std::filesystem::path folder_;
  LogLimits limits_;
  std::map<std::string, File, std::less<>> files_;
  std::deque<control::LogLine> recent_;  // for followers
  std::uint64_t next_ = 0;               // number of the line after the last of recent_
};

// What the files in `folder` hold of the query, oldest first; its `follow` is not looked at. For
// control and, when that does not run, for the CLI.
Result<std::vector<control::LogLine>> read_logs(const std::filesystem::path& folder,
                                                const control::LogQuery& query);

}  // namespace fairlead::supervise
