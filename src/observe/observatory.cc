#include "observe/observatory.h"

#include "base/file.h"
#include "observe/alert_config.h"
#include "observe/log_source.h"
#include "observe/machine_metrics.h"

namespace fairlead::observe {
namespace {

constexpr Duration kJudgeEvery = 5s;

std::optional<ScrapeTarget> target_of(const control::ProcessStatus& process) {
  if (process.state != control::ProcessState::kReady || process.address.empty())
    return std::nullopt;
  const auto address = io::Address::parse(process.address);
  if (!address) return std::nullopt;
  return ScrapeTarget{.address = *address};
}

// "web.1.v3" of release v3 is web.1.
std::string replica_of(const control::ProcessStatus& process) {
  const std::string suffix = "." + process.release;
  return suffix.size() > 1 && process.name.ends_with(suffix)
             ? process.name.substr(0, process.name.size() - suffix.size())
             : process.name;
}

}  // namespace

Observatory::Observatory(io::Loop& loop, std::filesystem::path folder,
                         std::unique_ptr<LogStore> logs, std::unique_ptr<MetricStore> metrics,
                         std::unique_ptr<Alerts> alerts)
    : loop_(loop),
      folder_(std::move(folder)),
      logs_(std::move(logs)),
      metrics_(std::move(metrics)),
      alerts_(std::move(alerts)),
      intake_(loop, *logs_),
      gate_(loop) {
  collector_ = std::make_unique<Collector>(
      loop_, metering_, *metrics_, [this] { return targets(); }, [this] { return own_samples(); });
}

Observatory::~Observatory() = default;

Result<std::unique_ptr<Observatory>> Observatory::open(io::Loop& loop,
                                                       std::filesystem::path folder) {
  TRY_VOID(make_directories(folder, 0700));
  TRY(auto logs, LogStore::open({.folder = folder / "logs"}));
  TRY(auto metrics, MetricStore::open({.folder = folder / "metrics"}));
  TRY(auto alerts, Alerts::open(folder / "alerts.json", machine_alert_rules(), {}));
  return std::unique_ptr<Observatory>(new Observatory(loop, std::move(folder), std::move(logs),
                                                      std::move(metrics), std::move(alerts)));
}

void Observatory::start(Observed observed) {
  observed_ = std::move(observed);
  access_.emplace(loop_, intake_, *logs_, observed_.access_log, observed_.reopen_access_log);
  const auto until_stopped = io::Deadline::never().or_when(stop_);
  gate_.spawn(access_->run(until_stopped));
  gate_.spawn(collector_->run(until_stopped));
  gate_.spawn(watch_alerts(*this));
}

io::Task<void> Observatory::stop() {
  stop_.request();
  static_cast<void>(co_await gate_.drained(io::Deadline::never()));
  intake_.flush();
  forwards_.clear();
}

void Observatory::set_alerts(std::vector<AlertRule> rules, std::vector<AlertTarget> targets) {
  std::ranges::move(machine_alert_rules(), std::back_inserter(rules));
  alerts_->configure(std::move(rules), std::move(targets));
}

void Observatory::set_forwards(std::vector<Destination> destinations) {
  const auto same = [](const Destination& a, const Destination& b) {
    return a.name == b.name && a.url == b.url && a.ca == b.ca;
  };
  std::erase_if(forwards_, [&](const auto& forward) {
    return std::ranges::none_of(
        destinations, [&](const auto& wanted) { return same(forward->destination(), wanted); });
  });
  for (auto& wanted : destinations)
    if (std::ranges::none_of(
            forwards_, [&](const auto& forward) { return same(forward->destination(), wanted); }))
      forwards_.push_back(std::make_unique<Forwarder>(
          std::move(wanted), *logs_, [this] { return collector_->last_round(); },
          folder_ / "forward"));
}

control::LogSource Observatory::logs(control::LogQuery query) {
  intake_.flush();  // what was written is found
  return read_log(*logs_, loop_, searches_, std::move(query));
}

std::vector<ScrapeTarget> Observatory::targets() const {
  const control::Status status = observed_.status();
  std::vector<ScrapeTarget> targets;
  if (auto edge = target_of(status.edge)) {
    edge->is_edge = true;
    targets.push_back(*std::move(edge));
  }
  for (const auto& environment : status.environments)
    for (const auto& process : environment.processes)
      if (auto target = target_of(process)) {
        target->labels = {{"app", environment.app},
                          {"environment", environment.environment},
                          {"process", process.type},
                          {"release", process.release},
                          {"replica", replica_of(process)}};
        targets.push_back(*std::move(target));
      }
  return targets;
}

Collector::Own Observatory::own_samples() const {
  return [status = observed_.status(), folder = folder_, files = observed_.certificates(),
          logs = logs_.get(), metrics = metrics_.get()] {
    auto samples = machine_samples(status, folder);
    std::ranges::move(certificate_samples(files), std::back_inserter(samples));
    const auto gauge = [&](std::string name, double value) {
      samples.push_back({{std::move(name), {}}, MetricKind::kGauge, value});
    };
    const auto log_status = logs->status();
    const auto metric_status = metrics->status();
    gauge("fairlead_log_store_bytes", static_cast<double>(log_status.bytes));
    gauge("fairlead_metric_store_bytes", static_cast<double>(metric_status.bytes));
    gauge("fairlead_metric_series", static_cast<double>(metric_status.series));
    samples.push_back({{"fairlead_log_lines", {}},
                       MetricKind::kForeignCounter,
                       static_cast<double>(log_status.next_sequence - 1)});
    return samples;
  };
}

// An alert that begins or ends is an event in the log.
void Observatory::note_changes() {
  const auto firing = [](std::vector<Alert> all) {
    std::erase_if(all, [](const Alert& alert) { return alert.state != Alert::kFiring; });
    return all;
  };
  auto present = firing(alerts_->alerts());
  const auto note = [&](const Alert& alert, telemetry::Level level, std::string_view what) {
    control::LogOrigin about;
    for (const auto& [key, value] : alert.labels) {
      if (key == "app") about.app = value;
      if (key == "environment") about.environment = value;
      if (key == "replica") about.replica = value;
    }
    intake_.event(about, level, fmt::format("alert {} {}: {}", alert.rule, what, alert.summary),
                  {{"event", "alert"}, {"rule", alert.rule}});
  };
  const auto is_in = [](const std::vector<Alert>& all, const Alert& one) {
    return std::ranges::any_of(all, [&](const Alert& other) {
      return other.rule == one.rule && other.labels == one.labels;
    });
  };
  for (const auto& alert : present)
    if (!is_in(known_alerts_, alert)) note(alert, telemetry::Level::kError, "fires");
  for (const auto& alert : known_alerts_)
    if (!is_in(present, alert)) note(alert, telemetry::Level::kInfo, "is over");
  known_alerts_ = std::move(present);
}

io::Task<void> Observatory::watch_alerts(Observatory& self) {
  const auto until_stopped = io::Deadline::never().or_when(self.stop_);
  while (co_await io::sleep(self.loop_, kJudgeEvery, until_stopped)) {
    // A rule that cannot be judged, a receiver that is down: both are tried again.
    static_cast<void>(co_await self.sending_.run(
        self.loop_, [&] { return self.alerts_->evaluate(*self.metrics_, wall_now()); }));
    self.note_changes();
    static_cast<void>(
        co_await self.sending_.run(self.loop_, [&] { return self.alerts_->deliver(wall_now()); }));
  }
}

}  // namespace fairlead::observe
