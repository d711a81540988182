// A process that outlives a control nobody will replace, and ends what it left running.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fairlead::supervise {

// Sleeps beside its control until that is gone, however it went, and then does what the next
// control would do first: end_leftovers(). PR_SET_PDEATHSIG alone does not do: a replica may ignore
// SIGTERM.
class Sweeper {
 public:
  // Forks: the calling process must still have one thread. `lock` is the descriptor that keeps
  // others off the folder; the sweeper holds it too, so that nobody starts there before it is done.
  static Result<Sweeper> start(const std::filesystem::path& runtime, int lock);

  Sweeper(Sweeper&& other) noexcept;
  Sweeper& operator=(Sweeper&&) = delete;
  // Lets it do its work, which is none after an orderly stop, and waits for its end.
  ~Sweeper();

 private:
  Sweeper(pid_t pid, UniqueFd alive) : pid_(pid), alive_(std::move(alive)) {}

  pid_t pid_;
  UniqueFd alive_;  // writing end of a pipe that nobody writes to: its end of file is our end
};

}  // namespace fairlead::supervise
