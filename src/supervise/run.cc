#include "supervise/run.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>

#include "base/file.h"
#include "base/strings.h"

namespace fairlead::supervise {

namespace {

constexpr unsigned kNamespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;

}  // namespace

bool namespaces_allowed() {
  const std::string status = read_file("/proc/self/status").value_or("");
  const auto line = status.find("CapEff:\t");
  if (line == std::string::npos) return false;
  const auto capabilities = parse_unsigned(std::string_view(status).substr(line + 8, 16), 16);
  return capabilities && (*capabilities >> CAP_SYS_ADMIN & 1) != 0;
}

Run::Run(const Surroundings& surroundings, std::string name, io::Child child, Cgroup cgroup,
         Output& output, int stop_signal)
    : surroundings_(surroundings),
      name_(std::move(name)),
      child_(std::move(child)),
      cgroup_(std::move(cgroup)),
      output_(output),
      stop_signal_(stop_signal),
      exited_(surroundings.loop),
      gate_(surroundings.loop) {}

Result<std::unique_ptr<Run>> Run::start(const Surroundings& surroundings, const Command& command,
                                        Output& output) {
  TRY(Cgroup cgroup, surroundings.cgroups.make(command.name, command.limits));
  TRY(const UniqueFd child_end, output.child_end());

  io::ChildSpec spec;
  spec.program = command.program;
  spec.argv = command.argv;
  spec.environment = command.environment;
  spec.environment.push_back(
      fmt::format("{}={}/{}", kMark, surroundings.folder.native(), command.name));
  spec.directory = command.directory;
  spec.stdout_fd = spec.stderr_fd = child_end.get();
  spec.die_with_parent = surroundings.die_with_parent;
  spec.cgroup_procs = cgroup.procs_files();
  spec.namespaces = command.isolate ? kNamespaces : 0;
  spec.uid = command.uid;
  spec.gid = command.gid;
  auto child = io::Child::spawn(surroundings.loop, spec);
  if (!child && child.error().code() == Code::kDenied && spec.namespaces != 0) {
    spec.namespaces = 0;  // only root may have them
    child = io::Child::spawn(surroundings.loop, std::move(spec));
  }
  if (!child) {
    static_cast<void>(cgroup.remove());
    return std::unexpected(std::move(child).error());
  }
  std::unique_ptr<Run> run(new Run(surroundings, command.name, std::move(*child), std::move(cgroup),
                                   output, command.stop_signal));
  // Without a record nobody would find it after our death; that is worth a line, not the replica.
  if (auto written = write_record(surroundings.folder, command.name, run->pid(), command.port);
      !written)
    surroundings.logs.note(command.name, written.error().message());
  run->gate_.spawn(watch(*run));
  return run;
}

Result<std::unique_ptr<Run>> Run::adopt(const Surroundings& surroundings, const Record& record,
                                        Output& output, int stop_signal) {
  TRY(auto child, io::Child::adopt(surroundings.loop, record.pid));
  // Only now is it sure that the number still means the same process.
  if (!still_runs(record)) return fail(Code::kNotFound, fmt::format("{} has ended", record.name));
  std::unique_ptr<Run> run(new Run(surroundings, record.name, std::move(child),
                                   surroundings.cgroups.open(record.name), output, stop_signal));
  run->gate_.spawn(watch(*run));
  return run;
}

io::Task<void> Run::watch(Run& self) {
  const auto status = co_await self.child_.wait(io::Deadline::never());
  const pid_t group = self.child_.pid();
  // Its children end with it. The group's number is not used again while it has members.
  ::kill(-group, SIGKILL);
  self.cgroup_.kill();
  self.out_of_memory_ = self.cgroup_.oom_kills() > 0;
  self.peak_ = self.cgroup_.memory_peak();
  static_cast<void>(self.cgroup_.remove());
  self.output_.drain();
  remove_record(self.surroundings_.folder, self.name_);
  self.status_ = status.value_or(io::ExitStatus{.code = -1});
  if (self.on_exit) self.on_exit();
  self.exited_.set();
}

std::vector<pid_t> Run::members() const {
  auto pids = cgroup_.members();
  if (pids.empty() && !status_) pids.push_back(pid());
  return pids;
}

io::Task<void> Run::stop(Duration grace) {
  static_cast<void>(child_.signal_group(stop_signal_));
  if (!co_await exited_.wait(io::Deadline::in(grace))) {
    static_cast<void>(child_.signal_group(SIGKILL));
    cgroup_.kill();
    static_cast<void>(co_await exited_.wait(io::Deadline::never()));
  }
  // The watcher has set exited_ in its last step; it must be gone before the Run is.
  static_cast<void>(co_await gate_.drained(io::Deadline::never()));
}

}  // namespace fairlead::supervise
