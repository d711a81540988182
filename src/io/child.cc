#include "io/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "base/strings.h"
#include "io/stream.h"

namespace fairlead::io {

std::string ExitStatus::to_string() const {
  if (signal == 0) return code < 0 ? "exit status unknown" : fmt::format("exit status {}", code);
  const char* name = ::sigabbrev_np(signal);
  return fmt::format("killed by {}{}",
                     name ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal),
                     core ? " (core dumped)" : "");
}

namespace {

int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int pidfd_send(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

// The file that `name` means: itself if it has a slash, else the first executable in the child's
// PATH.
std::string find_program(const std::string& name, const std::vector<std::string>& environment) {
  if (name.find('/') != std::string::npos) return name;
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const auto& entry : environment)
    if (entry.starts_with("PATH=")) path = std::string_view(entry).substr(5);
  for (const auto folder : split(path, ':')) {
    std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;  // execve will say that there is none
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const auto& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// What the child reports when it cannot become the program.
struct SetupFailure {
  int error;
  char step[60];
};

// Everything the child needs, made before the fork: between fork and exec only async-signal-safe
// calls are allowed.
struct Plan {
  const ChildSpec& spec;
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  int report;  // the failure goes here; CLOEXEC, so exec closes it
  int null;
  pid_t parent;
};

[[noreturn]] void give_up(const Plan& plan, const char* step) {
  SetupFailure failure{errno, {}};
  std::strncpy(failure.step, step, sizeof failure.step - 1);
  [[maybe_unused]] const auto n = ::write(plan.report, &failure, sizeof failure);
  ::_exit(127);
}

void reset_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Puts each descriptor at its number. First out of the way of all the targets, then into place.
void place_descriptors(const Plan& plan) {
  const ChildSpec& spec = plan.spec;
  constexpr int kMost = 16;
  int from[kMost], to[kMost];
  int count = 0;
  const auto wanted = [&](int fd, int number) {
    if (count == kMost) {
      errno = E2BIG;
      give_up(plan, "descriptors");
    }
    from[count] = ::fcntl(fd, F_DUPFD_CLOEXEC, 100);
    to[count] = number;
    if (from[count++] < 0) give_up(plan, "dup");
  };
  wanted(spec.stdin_fd >= 0 ? spec.stdin_fd : plan.null, 0);
  wanted(spec.stdout_fd >= 0 ? spec.stdout_fd : plan.null, 1);
  wanted(spec.stderr_fd >= 0 ? spec.stderr_fd : plan.null, 2);
  for (const auto& [fd, number] : spec.descriptors) wanted(fd, number);
  for (int i = 0; i < count; ++i)
    if (::dup2(from[i], to[i]) < 0) give_up(plan, "dup2");
}

[[noreturn]] void become(const Plan& plan) {
  const ChildSpec& spec = plan.spec;
  reset_signals();
  for (const auto& file : spec.cgroup_procs) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0", 1) != 1) give_up(plan, "enter cgroup");
    ::close(fd);
  }
  if (spec.new_session && ::setsid() < 0) give_up(plan, "setsid");
  place_descriptors(plan);
  if (!spec.directory.empty() && ::chdir(spec.directory.c_str()) != 0) give_up(plan, "chdir");
  if (spec.gid != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(spec.gid) != 0))
    give_up(plan, "setgid");
  if (spec.uid != 0 && ::setuid(spec.uid) != 0) give_up(plan, "setuid");
  if (spec.die_with_parent) {
    // After setuid, which clears it. The parent may have gone before the call.
    if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) give_up(plan, "prctl");
    if (spec.namespaces == 0 && ::getppid() != plan.parent) ::_exit(127);
  }
  if (spec.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    give_up(plan, "prctl");
  ::execve(plan.program.c_str(), plan.argv.data(), plan.environment.data());
  give_up(plan, "exec");
}

}  // namespace

struct Child::State {
  State(Loop& loop, pid_t p, UniqueFd fd, bool child)
      : readiness(loop), pid(p), pidfd(std::move(fd)), ours(child) {}
  ~State() { readiness.unwatch(); }

  // The exit status if it has ended.
  std::optional<ExitStatus> collect() {
    if (status) return status;
    if (!ours) {
      // Readable once it has ended, even while its own parent has not reaped it yet.
      pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ended, 1, 0) == 1) status = ExitStatus{.code = -1};
      return status;
    }
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 ||
        info.si_pid == 0)
      return std::nullopt;
    if (info.si_code == CLD_EXITED)
      status = ExitStatus{.code = info.si_status};
    else
      status = ExitStatus{.signal = info.si_status, .core = info.si_code == CLD_DUMPED};
    return status;
  }

  Readiness readiness;
  pid_t pid;
  UniqueFd pidfd;
  bool ours;  // only a parent may wait
  std::optional<ExitStatus> status;
};

Child::Child(std::unique_ptr<State> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;
Child::~Child() = default;

Result<Child> Child::spawn(Loop& loop, ChildSpec spec) {
  if (spec.argv.empty()) return fail(Code::kInvalid, "no command to run");
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return fail_errno("pipe");
  UniqueFd report_read(report[0]), report_write(report[1]);
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return fail_errno("/dev/null");
  const Plan plan{
      spec,
      find_program(spec.program.empty() ? spec.argv[0] : spec.program, spec.environment),
      pointers(spec.argv),
      pointers(spec.environment),
      report_write.get(),
      null.get(),
      ::getpid()};

  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | spec.namespaces;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return fail_errno(fmt::format("cannot start {}", spec.argv[0]));
  if (pid == 0) become(plan);

  auto state = std::make_unique<State>(loop, static_cast<pid_t>(pid), UniqueFd(pidfd), true);
  report_write.reset();
  SetupFailure failure{};
  ssize_t n;
  do n = ::read(report_read.get(), &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  if (n == sizeof failure) {
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
    return fail(Error::system(fmt::format("{} {}", failure.step, spec.argv[0]), failure.error));
  }
  TRY_VOID(state->readiness.watch(state->pidfd.get()));
  return Child(std::move(state));
}

Result<Child> Child::adopt(Loop& loop, pid_t pid) {
  UniqueFd pidfd(pidfd_open(pid));
  if (!pidfd) return fail_errno(fmt::format("cannot adopt process {}", pid));
  auto state = std::make_unique<State>(loop, pid, std::move(pidfd), false);
  TRY_VOID(state->readiness.watch(state->pidfd.get()));
  return Child(std::move(state));
}

pid_t Child::pid() const { return state_->pid; }
int Child::pidfd() const { return state_->pidfd.get(); }

Result<> Child::signal(int number) const {
  if (pidfd_send(state_->pidfd.get(), number) != 0) return fail_errno("kill");
  return {};
}

Result<> Child::signal_group(int number) const {
  // The group's number cannot be used again while its leader is unreaped, and it is reaped only by
  // wait().
  if (state_->status && state_->ours) return fail(Code::kNotFound, "kill: it has ended");
  if (::kill(-state_->pid, number) != 0) return fail_errno("kill");
  return {};
}

Task<Result<ExitStatus>> Child::wait(Deadline deadline) {
  State& state = *state_;
  for (;;) {
    if (const auto status = state.collect()) co_return *status;
    CO_TRY_VOID(co_await state.readiness.wait(deadline));
  }
}

// ---- run_command

namespace {

struct Pipe {
  UniqueFd read, write;
  static Result<Pipe> create() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return fail_errno("pipe");
    ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
    return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  }
};

Task<Result<>> read_to_end(Loop& loop, UniqueFd fd, std::string& into, std::size_t limit,
                           Deadline deadline) {
  Readiness readiness(loop);
  CO_TRY_VOID(readiness.watch(fd.get()));
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n == 0) co_return Result<>();
    if (n > 0) {
      into.append(buffer, static_cast<std::size_t>(n));
      if (into.size() > limit)
        co_return fail(Code::kTooLarge, fmt::format("wrote more than {} bytes", limit));
    } else if (errno == EAGAIN) {
      CO_TRY_VOID(co_await readiness.wait(deadline));
    } else if (errno != EINTR) {
      co_return fail_errno("read");
    }
  }
}

Task<void> store_outcome(Task<Result<>> task, Result<>& outcome) {
  outcome = co_await std::move(task);
}

}  // namespace

Task<Result<CommandOutput>> run_command(Loop& loop, ChildSpec spec, Deadline deadline,
                                        std::size_t limit) {
  CO_TRY(Pipe out, Pipe::create());
  CO_TRY(Pipe err, Pipe::create());
  spec.stdout_fd = out.write.get();
  spec.stderr_fd = err.write.get();
  const std::string name = spec.argv.empty() ? "" : spec.argv[0];
  CO_TRY(Child child, Child::spawn(loop, std::move(spec)));
  out.write.reset();
  err.write.reset();

  CommandOutput output;
  Gate gate(loop);
  Result<> err_outcome;
  gate.spawn(store_outcome(read_to_end(loop, std::move(err.read), output.err, limit, deadline),
                           err_outcome));
  Result<> outcome = co_await read_to_end(loop, std::move(out.read), output.out, limit, deadline);
  if (!outcome) static_cast<void>(child.signal_group(SIGKILL));
  static_cast<void>(co_await gate.drained(Deadline::never()));
  if (outcome) outcome = std::move(err_outcome);
  auto status =
      outcome ? co_await child.wait(deadline) : Result<ExitStatus>(std::unexpect, outcome.error());
  if (!status) {
    static_cast<void>(child.signal_group(SIGKILL));
    static_cast<void>(co_await child.wait(Deadline::never()));
    co_return fail(std::move(status).error().in(name));
  }
  output.status = *status;
  co_return output;
}

}  // namespace fairlead::io
