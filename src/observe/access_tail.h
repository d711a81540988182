// The edge's access log on its way into the log store.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"
#include "observe/log_intake.h"

namespace fairlead::observe {

// Reads what the edge appends to its access log, and keeps the file small: a large one is renamed
// to NAME.1, and the edge asked to begin a new one. How far each file (told by its inode) is read
// is stored with its records, so that none is lost or kept twice whoever is killed when.
class AccessTail {
 public:
  static constexpr Duration kPause = 100ms;
  static constexpr std::uint64_t kRotateAt = 64 << 20;

  // `reopen` asks the edge to open its log anew, and returns when it has.
  using Reopen = std::function<io::Task<Result<>>()>;
  AccessTail(io::Loop& loop, LogIntake& intake, LogStore& store, std::filesystem::path file,
             Reopen reopen);

  // Until the deadline, or its Stop; then takes what is there.
  io::Task<void> run(io::Deadline until);

 private:
  struct File {
    UniqueFd fd;
    std::string spool;  // its name in the store: path and inode
    std::uint64_t taken = 0;
  };
  std::string spool_of(std::uint64_t inode) const;
  bool open(File& file, const std::filesystem::path& path) const;
  bool take(File& file);  // whether it should be asked again at once
  void take_all(File& file);
  // Up to where the records, which begin at `position`, were taken.
  std::uint64_t keep(std::string_view records, const std::string& spool, std::uint64_t position);
  std::filesystem::path older() const;
  io::Task<void> rotate();

  io::Loop& loop_;
  LogIntake& intake_;
  LogStore& store_;
  const std::filesystem::path path_;
  Reopen reopen_;
  File current_;
};

// Who an access record is about: its origin ("shop/production/web.1.v3") taken apart. Only app and
// environment are not known of a request that no origin was chosen for.
control::LogOrigin origin_of_record(std::string_view record);

}  // namespace fairlead::observe
