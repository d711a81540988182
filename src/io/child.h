// Child processes by pidfd: no SIGCHLD, no race over pid reuse.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"

namespace fairlead::io {

struct ChildSpec {
  std::vector<std::string>
      argv;             // argv[0] is looked up in the PATH of `environment` unless it has a slash
  std::string program;  // what is run, if not argv[0]
  std::vector<std::string> environment;  // "NAME=value", the whole of it: nothing is inherited
  std::string directory;                 // "" for the parent's
  int stdin_fd = -1;  // -1: /dev/null. The parent keeps and closes its own copies.
  int stdout_fd = -1;
  int stderr_fd = -1;
  std::vector<std::pair<int, int>> descriptors;  // {parent's fd, number in the child}; numbers >= 3

  bool new_session = true;       // setsid: signals to our terminal do not reach it
  bool die_with_parent = false;  // SIGTERM when the thread that spawned it ends
  unsigned namespaces = 0;       // CLONE_NEW… flags; kDenied where the machine does not allow them
  std::vector<std::string> cgroup_procs;  // cgroup.procs files that it enters before exec
  bool no_new_privileges = true;
  uid_t uid = 0;  // 0 keeps the parent's; otherwise setgid, setgroups, setuid
  gid_t gid = 0;
};

struct ExitStatus {
  int code = 0;    // exit code, when signal is 0
  int signal = 0;  // the signal that ended it, or 0
  bool core = false;
  bool success() const { return code == 0 && signal == 0; }
  std::string to_string() const;  // "exit status 3", "killed by SIGKILL"
};

// A running child. Destroying a Child neither kills nor waits (see DESIGN: replicas outlive
// control).
class Child {
 public:
  // Starts it; errors of the child's own setup and of exec come back from here with the step that
  // failed
  // ("exec visitors: No such file or directory").
  static Result<Child> spawn(Loop& loop, ChildSpec spec);
  // Takes over a process that another control started: its exit can be waited for, its status is
  // then unknown (code -1) because only a parent may collect it.
  static Result<Child> adopt(Loop& loop, pid_t pid);

  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();

  pid_t pid() const;
  int pidfd() const;
  // By pidfd: never hits another process. kNotFound when it has ended.
  Result<> signal(int number) const;
  // To the whole process group it leads (new_session).
  Result<> signal_group(int number) const;
  // Once; later calls give the same answer. kTimeout leaves it running.
  Task<Result<ExitStatus>> wait(Deadline deadline);

 private:
  struct State;
  explicit Child(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Runs a command to its end and gives what it wrote; kTooLarge above `limit` bytes. Killed at the
// deadline.
struct CommandOutput {
  ExitStatus status;
  std::string out;
  std::string err;
};
Task<Result<CommandOutput>> run_command(Loop& loop, ChildSpec spec, Deadline deadline,
                                        std::size_t limit = 1 << 20);

}  // namespace fairlead::io
