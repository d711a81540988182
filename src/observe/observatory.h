// Everything that is observed of a running Fairlead: logs, metrics and alerts, fed and asked from
// one loop. What `fairlead up` and `fairlead serve` hold.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/api.h"
#include "control/log_sink.h"
#include "control/log_source.h"
#include "io/sync.h"
#include "io/worker.h"
#include "observe/access_tail.h"
#include "observe/alerts.h"
#include "observe/collector.h"
#include "observe/forward.h"
#include "observe/log_intake.h"
#include "observe/log_store.h"
#include "observe/metric_store.h"

namespace fairlead::observe {

// Whom the observatory asks. All called on the loop's thread.
struct Observed {
  std::function<control::Status()> status;
  std::filesystem::path access_log;                                  // the edge's
  std::function<io::Task<Result<>>()> reopen_access_log;             // asks the edge
  std::function<std::vector<std::filesystem::path>()> certificates;  // PEM files in use
};

// Belongs to one loop's thread, which outlives it.
class Observatory {
 public:
  // Makes the folder, which holds the stores, where it is missing.
  static Result<std::unique_ptr<Observatory>> open(io::Loop& loop, std::filesystem::path folder);
  ~Observatory();  // after stop()

  // For supervise's log books. The observatory outlives them.
  control::LogSink sink() { return intake_.sink(); }
  LogIntake& intake() { return intake_; }

  // Begins to collect, to watch and to send.
  void start(Observed observed);
  // Takes what the edge's log still has, and keeps all.
  io::Task<void> stop();

  // The alert rules and targets of all apps, from now on; those of the machine are added.
  void set_alerts(std::vector<AlertRule> rules, std::vector<AlertTarget> targets);

  // Where lines and metrics go from now on; what stays in the list goes on undisturbed. Waits for
  // what is being sent to a destination that is left out.
  void set_forwards(std::vector<Destination> destinations);

  control::LogSource logs(control::LogQuery query);
  // Runs work that asks the stores, away from the loop.
  template <typename F>
  auto ask(F work) {
    return queries_.run(loop_, std::move(work));
  }
  LogStore& log_store() { return *logs_; }
  MetricStore& metric_store() { return *metrics_; }
  Alerts& alerts() { return *alerts_; }
  Collector& collector() { return *collector_; }

 private:
  Observatory(io::Loop& loop, std::filesystem::path folder, std::unique_ptr<LogStore> logs,
              std::unique_ptr<MetricStore> metrics, std::unique_ptr<Alerts> alerts);
  std::vector<ScrapeTarget> targets() const;
  Collector::Own own_samples() const;
  void note_changes();
  static io::Task<void> watch_alerts(Observatory& self);

  io::Loop& loop_;
  const std::filesystem::path folder_;
  Observed observed_;
  std::unique_ptr<LogStore> logs_;
  std::unique_ptr<MetricStore> metrics_;
  std::unique_ptr<Alerts> alerts_;
  LogIntake intake_;
  std::optional<AccessTail> access_;
  std::unique_ptr<Collector> collector_;
  std::vector<Alert> known_alerts_;
  std::vector<std::unique_ptr<Forwarder>> forwards_;
  io::Stop stop_;
  io::Gate gate_;
  // Last: their threads end before what they use.
  io::Worker metering_{"metrics"};
  io::Worker searches_{"log-search"};
  io::Worker queries_{"queries"};
  io::Worker sending_{"alerts"};
};

}  // namespace fairlead::observe
