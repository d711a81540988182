// Limits on a process and everything it starts, kept by the kernel: cgroup v2, or v1 where the
// machine still has it. All calls block for microseconds; none needs a loop.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fairlead::supervise {

struct Limits {
  std::uint64_t memory = 0;  // bytes; 0 for none
  double cpus = 0;           // 1.5 is one and a half cores; 0 for none
  unsigned processes = 0;    // processes and threads; 0 for none
};

// The cgroups of one run of a process: one folder under v2, one per controller under v1. Empty
// where the machine allows none: then every call is harmless and answers "nothing".
class Cgroup {
 public:
  Cgroup() = default;

  // What a process must be written to before it runs (io::ChildSpec::cgroup_procs).
  std::vector<std::string> procs_files() const;
  std::uint64_t memory_now() const;
  std::uint64_t memory_peak() const;
  // How many of its processes the kernel has killed for lack of memory.
  std::uint64_t oom_kills() const;
  std::vector<pid_t> members() const;
  // SIGKILL to all members, forks included; returns when none is left (at most a second).
  void kill() const;
  // Removes the empty folders; kExists while a member lives.
  Result<> remove();

 private:
  friend class CgroupTree;
  std::map<std::string, std::string, std::less<>> folders_;  // controller → folder
  bool v2_ = false;
};

// Where one Fairlead puts the cgroups of its processes: below its own cgroup, so that whatever
// limits Fairlead limits them too.
class CgroupTree {
 public:
  // Finds out what this machine allows. `instance` keeps several Fairleads apart.
  static CgroupTree find(std::string_view instance);

  // A cgroup with these limits; an old one of this name is emptied and made anew.
  Result<Cgroup> make(std::string_view name, const Limits& limits) const;
  // The cgroup of that name as it is: of a process that another control has started.
  Cgroup open(std::string_view name) const;
  // One sentence for every limit of `limits` that will not be enforced here, and why.
  std::vector<std::string> not_enforced(const Limits& limits) const;
  // Kills what still runs in any cgroup of this instance (left by a run that was killed).
  void end_leftovers() const;
  // Removes the instance's own folders, when nothing is left in them.
  void remove() const;

 private:
  struct Controller {
    std::string folder;   // of the instance; "" when missing
    std::string missing;  // why
  };
  void find_v1(const std::string& controller, const std::string& mount, const std::string& own);
  void find_v2(const std::string& mount, const std::string& own);
  Result<> apply(const Cgroup& cgroup, const Limits& limits) const;

  std::string instance_;
  std::map<std::string, Controller, std::less<>> controllers_;
  bool v2_ = false;
};

}  // namespace fairlead::supervise
