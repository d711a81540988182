// One run of one command: from its start to its end, with all that belongs to it (cgroup, record,
// output). What starts it again, and when, is Process's business.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/command_line.h"
#include "io/child.h"
#include "io/loop.h"
#include "io/sync.h"
#include "supervise/cgroup.h"
#include "supervise/log_book.h"
#include "supervise/output.h"
#include "supervise/record.h"

namespace fairlead::supervise {

// What all processes of one Fairlead share. Outlives them.
struct Surroundings {
  io::Loop& loop;
  std::filesystem::path folder;  // sockets, FIFOs, records; a short path (a socket's has 107 bytes)
  LogBook& logs;
  const CgroupTree& cgroups;
  bool die_with_parent = false;  // as `fairlead up` wants it: nothing outlives control
  bool adopt = false;            // as `fairlead serve` does: what an earlier control left is ours
};

struct Command {
  std::string name;     // "web.1": names its log, FIFO, record and cgroup
  std::string program;  // what is run; "" for argv[0]
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // the whole of it
  std::string directory;
  Limits limits;
  std::uint16_t port = 0;  // its PORT, for the record; 0 for none
  // Own mount, IPC and UTS namespaces where the machine allows them. No PID namespace: its first
  // process ignores SIGTERM unless it handles it, and programs differ there.
  bool isolate = true;
  uid_t uid = 0;  // 0: as we are
  gid_t gid = 0;
  int stop_signal = SIGTERM;
};

// Whether this process may make namespaces (CAP_SYS_ADMIN); else processes run without their own.
bool namespaces_allowed();

class Run {
 public:
  // Starts the command with stdout and stderr on `output`. An error says which step failed; nothing
  // is left of it then.
  static Result<std::unique_ptr<Run>> start(const Surroundings& surroundings,
                                            const Command& command, Output& output);
  // Takes over one that an earlier control started. Its exit status will not be known.
  static Result<std::unique_ptr<Run>> adopt(const Surroundings& surroundings, const Record& record,
                                            Output& output, int stop_signal = SIGTERM);
  // After it has ended: `exited()` is set.
  ~Run() = default;

  pid_t pid() const { return child_.pid(); }
  Instant started() const { return started_; }
  // Set when it has ended, its group and cgroup are empty and its output is read to the end.
  io::Event& exited() { return exited_; }
  // Called at that moment, before waiters of exited() run.
  std::function<void()> on_exit;

  const std::optional<io::ExitStatus>& status() const { return status_; }
  // Whether the kernel killed it, or a child of it, for lack of memory.
  bool out_of_memory() const { return out_of_memory_; }
  std::uint64_t memory_now() const { return status_ ? 0 : cgroup_.memory_now(); }
  std::uint64_t memory_peak() const { return status_ ? peak_ : cgroup_.memory_peak(); }
  // It and what it has started; without cgroups only itself.
  std::vector<pid_t> members() const;

  // Its stop signal to its group, SIGKILL after `grace`; returns when it has ended.
  io::Task<void> stop(Duration grace);

 private:
  Run(const Surroundings& surroundings, std::string name, io::Child child, Cgroup cgroup,
      Output& output, int stop_signal);
  static io::Task<void> watch(Run& self);

  const Surroundings& surroundings_;
  std::string name_;
  io::Child child_;
  Cgroup cgroup_;
  Output& output_;
  int stop_signal_;
  Instant started_ = now();
  std::optional<io::ExitStatus> status_;
  bool out_of_memory_ = false;
  std::uint64_t peak_ = 0;
  io::Event exited_;
  io::Gate gate_;
};

using config::command_line;

}  // namespace fairlead::supervise
