// The edge as control sees it: a process that is kept running, and told every change.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/snapshot.h"
#include "http/client.h"
#include "supervise/process.h"

namespace fairlead::supervise {

class EdgeProcess {
 public:
  // `make_snapshot` gives what the edge shall do now; its version is filled in here, and grows
  // across restarts of control too. `on_change` as with Process.
  EdgeProcess(const Surroundings& surroundings, std::vector<std::string> environment,
              std::function<control::Snapshot()> make_snapshot, std::function<void()> on_change);

  // Writes the first snapshot to the edge's folder and starts it: it serves from that file alone.
  Result<> start();
  io::Task<Result<>> until_ready(io::Deadline deadline);
  // Says that the snapshot is another now. It is sent soon; several changes at once are one
  // sending, and what could not be sent is tried again until it is.
  void changed();
  // ok once the edge has taken what was there at the time of the call; kInvalid when it refused it.
  io::Task<Result<>> up_to_date(io::Deadline deadline);
  // Waits until no request is in flight at this origin, or the deadline. What the edge does not
  // know has none.
  io::Task<Result<>> origin_idle(std::string origin, io::Deadline deadline);
  // Takes what the edge has cached of an environment ("APP/NAME") out of its cache.
  io::Task<Result<>> purge(std::string environment, io::Deadline deadline);
  // What the edge has counted, as JSON: for control::TrafficMeter.
  io::Task<Result<std::string>> counters(io::Deadline deadline);
  // Has the edge open its access log anew, after the file was moved; returns when it has.
  io::Task<Result<>> reopen_logs(io::Deadline deadline);
  // The edge stops accepting, finishes what is in flight (at most `grace`), and ends.
  io::Task<void> stop();

  control::ProcessStatus status() const { return process_.status(); }
  const Process& process() const { return process_; }
  // Where an edge in these surroundings keeps its snapshot.
  static std::filesystem::path folder_in(const std::filesystem::path& surroundings) {
    return surroundings / "edge";
  }

 private:
  static io::Task<void> keep_sending(EdgeProcess& self);
  io::Task<Result<>> send();
  control::Snapshot next_snapshot();

  const Surroundings& surroundings_;
  std::filesystem::path folder_;
  std::function<control::Snapshot()> make_snapshot_;
  Process process_;
  http::Client client_;
  std::uint64_t version_ = 0;
  std::uint64_t wanted_ = 0;      // changes that were told
  std::uint64_t sent_ = 0;        // changes that the edge has taken
  std::optional<Error> refused_;  // what the edge said to the last snapshot, unless it took it
  io::Event wake_;
  io::Event taken_;
  io::Stop stop_;
  io::Gate gate_;
};

}  // namespace fairlead::supervise
