#include "io/signals.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "io/stream.h"

namespace fairlead::io {

struct Signals::State {
  State(Loop& loop, UniqueFd d) : readiness(loop), fd(std::move(d)) {}
  Readiness readiness;
  UniqueFd fd;
};

Signals::Signals(std::unique_ptr<State> state) : state_(std::move(state)) {}
Signals::Signals(Signals&&) noexcept = default;
Signals::~Signals() {
  if (state_) state_->readiness.unwatch();
}

Result<Signals> Signals::create(Loop& loop, std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr))
    return fail(Error::system("sigmask", error));
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return fail_errno("signalfd");
  auto state = std::make_unique<State>(loop, std::move(fd));
  TRY_VOID(state->readiness.watch(state->fd.get()));
  return Signals(std::move(state));
}

Task<Result<int>> Signals::next(Deadline deadline) {
  for (;;) {
    signalfd_siginfo info;
    if (::read(state_->fd.get(), &info, sizeof info) == sizeof info)
      co_return static_cast<int>(info.ssi_signo);
    CO_TRY_VOID(co_await state_->readiness.wait(deadline));
  }
}

}  // namespace fairlead::io
