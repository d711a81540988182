#include "supervise/sweeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "io/sync.h"
#include "supervise/record.h"

namespace fairlead::supervise {

namespace {

constexpr Duration kGrace = 5s;

// The descriptors of the sweeper: 0 to 2 lead nowhere, so that it keeps no terminal and no reader
// of control's output waiting, 3 is the pipe, 4 the lock.
bool leave_the_rest(int pipe, int lock) {
  const int high_pipe = ::fcntl(pipe, F_DUPFD, 10);
  const int high_lock = ::fcntl(lock, F_DUPFD, 10);
  const int null = ::open("/dev/null", O_RDWR);
  if (high_pipe < 0 || high_lock < 0 || null < 0) return false;
  for (const int fd : {0, 1, 2})
    if (::dup2(null, fd) < 0) return false;
  return ::dup2(high_pipe, 3) == 3 && ::dup2(high_lock, 4) == 4 && ::close_range(5, ~0U, 0) == 0;
}

[[noreturn]] void sweep(const std::filesystem::path& runtime, int pipe, int lock) {
  ::setsid();  // Ctrl-C on control's terminal is not for us
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_IGN);
  ::prctl(PR_SET_NAME, "fairlead-sweep");
  if (!leave_the_rest(pipe, lock)) ::_exit(1);
  char byte;
  while (::read(3, &byte, 1) < 0 && errno == EINTR) {
  }
  const auto loop = io::Loop::create();
  if (!loop) ::_exit(1);
  io::block_on(**loop, end_leftovers(**loop, runtime, io::Deadline::in(kGrace)));
  ::_exit(0);
}

}  // namespace

Result<Sweeper> Sweeper::start(const std::filesystem::path& runtime, int lock) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) sweep(runtime, read_end.get(), lock);
  return Sweeper(pid, std::move(write_end));
}

Sweeper::Sweeper(Sweeper&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), alive_(std::move(other.alive_)) {}

Sweeper::~Sweeper() {
  if (pid_ < 0) return;
  alive_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace fairlead::supervise
