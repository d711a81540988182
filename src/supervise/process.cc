#include "supervise/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "io/stream.h"
#include "supervise/failure.h"
#include "supervise/listening.h"

namespace fairlead::supervise {

using control::ProcessState;

namespace {

constexpr Duration kLongEnough = 10s;       // ready for so long, a process counts as healthy
constexpr unsigned kCrashLoop = 3;          // ends in a row that are called a crash loop
constexpr Duration kWorkerIsUp = 200ms;     // what serves nothing is ready after so long
constexpr std::size_t kShownLines = 50;     // of the log, as evidence
constexpr Duration kProbeTimeout = 2s;      // of one probe
constexpr Duration kFirstProbePause = 5ms;  // grows to kLastProbePause
constexpr Duration kLastProbePause = 250ms;

}  // namespace

Duration Backoff::next() {
  const unsigned failure = failures_++;
  if (failure == 0) return Duration{0};
  const auto wait = std::min<Duration>(30s, 250ms * (1 << std::min(failure - 1, 10u)));
  std::uniform_real_distribution<double> jitter(0.8, 1.2);
  return std::chrono::duration_cast<Duration>(wait * jitter(random_));
}

// One start and what came of it.
struct Process::Attempt {
  std::unique_ptr<Run> run;  // null when it could not be started
  std::uint16_t port = 0;
  std::string socket;    // FAIRLEAD_SOCKET
  io::Stop interrupted;  // it has ended, or shall end: no use in probing on
  std::optional<control::ProbeEvidence> probe;
  std::optional<Instant> ready_at;
};

Process::Process(const Surroundings& surroundings, ProcessSpec spec,
                 std::function<void()> on_change)
    : surroundings_(surroundings),
      spec_(std::move(spec)),
      on_change_(std::move(on_change)),
      changed_(surroundings.loop),
      gate_(surroundings.loop) {}

Process::~Process() = default;

Result<> Process::start() {
  const std::string name = spec_.command.name;
  TRY(output_, Output::open(surroundings_.loop, surroundings_.folder / (name + ".log"),
                            surroundings_.logs, name));
  if (surroundings_.adopt) adopted_ = find_running(surroundings_.folder, name);
  gate_.spawn(keep_running(*this));
  return {};
}

io::Task<Result<>> Process::until_ready(io::Deadline deadline) {
  for (;;) {
    if (ready()) co_return Result<>();
    if (stop_.requested()) co_return fail(Code::kCancelled, "it is being stopped");
    if (state_ == ProcessState::kCrashLoop || slow_)
      co_return fail(Code::kUnavailable, failure_ ? failure_->cause : "it does not start");
    changed_.reset();
    CO_TRY_VOID(co_await changed_.wait(deadline));
  }
}

io::Task<void> Process::stop() {
  stop_.request();
  if (attempt_) attempt_->interrupted.request();
  static_cast<void>(co_await gate_.drained(io::Deadline::never()));
}

io::Task<void> Process::keep_running(Process& self) {
  for (;;) {
    co_await self.run_once();
    if (self.stop_.requested()) break;
    const Duration wait = self.backoff_.next();
    self.set_state(self.backoff_.failures() < kCrashLoop ? ProcessState::kBackingOff
                                                         : ProcessState::kCrashLoop);
    if (!co_await io::sleep(self.surroundings_.loop, wait,
                            io::Deadline::never().or_when(self.stop_)))
      break;
    ++self.restarts_;
    self.set_state(ProcessState::kStarting);
  }
  self.set_state(ProcessState::kStopped);
}

Command Process::prepare(Attempt& attempt) const {
  Command command = spec_.command;
  if (!spec_.serves) return command;
  attempt.socket = surroundings_.folder / (command.name + ".sock");
  if (adopted_) {
    attempt.port = adopted_->port;
    return command;
  }
  attempt.port = command.port = free_port();
  ::unlink(attempt.socket.c_str());  // left by a process that was killed; many do not replace it
  command.environment.push_back("HOST=127.0.0.1");
  command.environment.push_back(fmt::format("PORT={}", attempt.port));
  command.environment.push_back(fmt::format("FAIRLEAD_SOCKET={}", attempt.socket));
  return command;
}

// Starts it, waits until it is ready, then until it has ended or shall end. An error says why it
// could not be started or did not become ready.
io::Task<Result<>> Process::live(Attempt& attempt) {
  const Command command = prepare(attempt);
  const auto adopted = std::exchange(adopted_, std::nullopt);
  auto run = adopted ? Run::adopt(surroundings_, *adopted, *output_, command.stop_signal)
                     : Run::start(surroundings_, command, *output_);
  if (!run) co_return fail(std::move(run).error().in("cannot start it"));
  attempt.run = std::move(*run);
  attempt.run->on_exit = [&attempt] { attempt.interrupted.request(); };
  if (attempt.run->status()) attempt.interrupted.request();
  set_state(ProcessState::kStarting);  // now with a pid

  CO_TRY_VOID(co_await become_ready(attempt));
  attempt.ready_at = now();
  slow_ = false;
  set_state(ProcessState::kReady);
  static_cast<void>(
      co_await attempt.run->exited().wait(io::Deadline::never().or_when(attempt.interrupted)));
  co_return Result<>();
}

io::Task<void> Process::run_once() {
  Attempt attempt;
  attempt_ = &attempt;
  output_->forget();
  const auto outcome = co_await live(attempt);
  if (!stop_.requested()) note_failure(attempt, outcome);
  if (attempt.run && !attempt.run->status()) {
    set_state(ProcessState::kStopping);
    co_await attempt.run->stop(spec_.stop_timeout);
  }
  if (!attempt.socket.empty()) ::unlink(attempt.socket.c_str());
  if (attempt.ready_at && now() - *attempt.ready_at >= kLongEnough) backoff_.forget();
  attempt_ = nullptr;
}

io::Task<Result<>> Process::become_ready(Attempt& attempt) {
  io::Loop& loop = surroundings_.loop;
  if (!spec_.serves && !spec_.address) {
    const auto early = co_await attempt.run->exited().wait(
        io::Deadline::in(kWorkerIsUp).or_when(attempt.interrupted));
    if (!early && early.error().code() == Code::kTimeout) co_return Result<>();
    co_return fail(Code::kCancelled, "it ended at once");
  }
  const auto deadline = io::Deadline::in(spec_.start_timeout).or_when(attempt.interrupted);
  for (Duration pause = kFirstProbePause;; pause = std::min(pause * 3 / 2, kLastProbePause)) {
    for (const auto& address : candidates(attempt)) {
      auto result = co_await probe(loop, spec_.protocol, address, spec_.health,
                                   deadline.within(kProbeTimeout));
      if (result.ready) {
        address_ = address;
        co_return Result<>();
      }
      // An answer is better evidence than none.
      if (!attempt.probe || attempt.probe->status == 0 || result.evidence.status != 0)
        attempt.probe = std::move(result.evidence);
    }
    if (deadline.passed()) co_return fail(Code::kTimeout, "it is not ready in time");
    CO_TRY_VOID(co_await io::sleep(loop, pause, deadline));
  }
}

std::vector<io::Address> Process::candidates(const Attempt& attempt) const {
  if (spec_.address) return {*spec_.address};
  std::vector<io::Address> addresses;
  if (::access(attempt.socket.c_str(), F_OK) == 0)
    if (auto socket = io::Address::unix_path(attempt.socket)) addresses.push_back(*socket);
  if (auto port = io::Address::ip("127.0.0.1", attempt.port)) addresses.push_back(*port);
  return addresses;
}

void Process::note_failure(const Attempt& attempt, const Result<>& outcome) {
  Facts facts{.spec = spec_};
  facts.was_ready = attempt.ready_at.has_value();
  facts.probe = attempt.probe;
  facts.port = attempt.port;
  if (!outcome) facts.error = &outcome.error();
  if (attempt.run) {
    facts.exit = attempt.run->status();
    facts.lived = now() - attempt.run->started();
    facts.out_of_memory = attempt.run->out_of_memory();
    facts.memory_peak = attempt.run->memory_peak();
    if (!facts.exit) facts.listening = listening_addresses(attempt.run->members());
  }
  slow_ = !facts.was_ready && !facts.exit && attempt.run;
  facts.last_lines = output_->last_lines(kShownLines);
  failure_ = describe(std::move(facts));
  surroundings_.logs.note(spec_.command.name, failure_->cause);
}

void Process::set_state(ProcessState state) {
  state_ = state;
  since_ = wall_now();
  changed_.set();
  on_change_();
}

control::ProcessStatus Process::status() const {
  control::ProcessStatus status;
  status.name = spec_.command.name;
  status.type = spec_.type;
  status.release = spec_.release;
  status.state = state_;
  if (ready()) status.address = address_.to_string();
  status.since = since_;
  status.restarts = restarts_;
  status.memory_limit = spec_.command.limits.memory;
  status.failure = failure_;
  if (attempt_ && attempt_->run && !attempt_->run->status()) {
    status.pid = attempt_->run->pid();
    status.memory = attempt_->run->memory_now();
  }
  return status;
}

}  // namespace fairlead::supervise
