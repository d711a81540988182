// One process that is kept running: a replica, the edge, or a service. Starts it, waits until it is
// ready, starts it again when it ends, and stops it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "base/clock.h"
#include "control/api.h"
#include "io/address.h"
#include "io/sync.h"
#include "supervise/probe.h"
#include "supervise/run.h"

namespace fairlead::supervise {

struct ProcessSpec {
  Command command;
  std::string type;     // "web"
  std::string release;  // "v3", or ""

  // A process that serves gets HOST, PORT (a free one) and FAIRLEAD_SOCKET (a Unix socket that it
  // MAY listen on; used instead of the port if it answers there). Others are ready once started.
  bool serves = false;
  std::optional<io::Address> address;   // instead: it is probed here, and gets no such variables
  std::string health;                   // path of the readiness probe; "": a connection is enough
  Protocol protocol = Protocol::kHttp;  // of that probe
  Duration start_timeout = 30s;         // from its start to ready; then it is ended
  Duration stop_timeout = 30s;          // from SIGTERM to SIGKILL
};

// How long to wait before the next start. The first restart comes at once, then the wait doubles
// from 250 ms up to 30 s, each with ±20 % jitter; being ready for 10 s forgets it all.
class Backoff {
 public:
  Duration next();
  void forget() { failures_ = 0; }
  unsigned failures() const { return failures_; }

 private:
  unsigned failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

class Process {
 public:
  // `on_change` is called after every change of state or address, on the loop's thread; it must not
  // destroy the process. The surroundings outlive the process.
  Process(
      const Surroundings& surroundings, ProcessSpec spec, std::function<void()> on_change = [] {});
  ~Process();  // only when it is stopped

  Process(const Process&) = delete;

  // Once. Where the surroundings say so, one that an earlier control started is taken over instead.
  // An error means that it cannot even be tried (no FIFO).
  Result<> start();
  // Waits until it is ready. kUnavailable when it is in a crash loop or did not become ready in
  // time (it is tried again all the same; see failure()); kCancelled when it is stopped.
  io::Task<Result<>> until_ready(io::Deadline deadline);
  // SIGTERM, SIGKILL after the stop timeout; returns when nothing of it is left. Safe in any state,
  // and for several callers.
  io::Task<void> stop();

  const ProcessSpec& spec() const { return spec_; }
  control::ProcessState state() const { return state_; }
  bool ready() const { return state_ == control::ProcessState::kReady; }
  // Where it is served from; of use while ready.
  const io::Address& address() const { return address_; }
  const std::optional<control::Failure>& failure() const { return failure_; }
  control::ProcessStatus status() const;

 private:
  struct Attempt;
  static io::Task<void> keep_running(Process& self);
  io::Task<void> run_once();
  io::Task<Result<>> live(Attempt& attempt);
  Command prepare(Attempt& attempt) const;
  std::vector<io::Address> candidates(const Attempt& attempt) const;
  io::Task<Result<>> become_ready(Attempt& attempt);
  void set_state(control::ProcessState state);
  void note_failure(const Attempt& attempt, const Result<>& outcome);

  const Surroundings& surroundings_;
  ProcessSpec spec_;
  std::function<void()> on_change_;
  std::unique_ptr<Output> output_;
  std::optional<Record> adopted_;  // to be taken over by the first attempt
  Attempt* attempt_ = nullptr;     // in the frame of run_once()
  io::Address address_;
  control::ProcessState state_ = control::ProcessState::kStopped;
  WallTime since_ = wall_now();
  unsigned restarts_ = 0;
  Backoff backoff_;
  bool slow_ = false;  // it was not ready in time: no use in waiting for it
  std::optional<control::Failure> failure_;
  io::Stop stop_;
  io::Event changed_;
  io::Gate gate_;
};

}  // namespace fairlead::supervise
