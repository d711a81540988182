// Alerts: what the rules find, from the first sight to the end, and who is told.
//
//   (nothing) → pending → firing → (nothing)      pending: the condition holds, but not for long
//   enough
//
// An alert is told of twice: when it fires and when it is over. Both wait in a file until each
// target has taken them, so that neither a restart nor a receiver that is down loses one. A death
// between a receiver's yes and our note of it is the one case that tells twice; the notice's `id`
// is then the same.
//
// Blocking, thread-safe: for an io::Worker.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "observe/alert_rules.h"
#include "observe/alert_sender.h"

namespace fairlead::observe {

struct Alert {
  enum State : std::uint8_t { kPending, kFiring };
  std::string rule;
  std::string severity;
  MetricLabels labels;
  std::string summary;  // the latest
  State state = kPending;
  WallTime since{};  // of the condition
  WallTime last_seen{};
  bool told = false;  // that it fires; false while it is silenced
  bool silenced = false;
};

// Keeps matching alerts from being told of. They go on firing, and are told of if they still do
// when it ends.
struct Silence {
  std::uint64_t id = 0;
  std::string rule;     // "": any
  MetricLabels labels;  // all of them must be the alert's
  WallTime until{};
  std::string comment;  // why, and who
};

class Alerts {
 public:
  // An alert is over when its condition has not held for so long: one good reading between two bad
  // ones is no end.
  static constexpr Duration kQuiet = 1min;
  // A notice that a target would not take for so long is given up.
  static constexpr Duration kGiveUp = std::chrono::hours(24);

  // Reads the state that an earlier process left in `file`.
  static Result<std::unique_ptr<Alerts>> open(std::filesystem::path file,
                                              std::vector<AlertRule> rules,
                                              std::vector<AlertTarget> targets);

  // Other rules and targets from now on. Alerts of rules that are gone are over; notices for
  // targets that are gone are forgotten.
  void configure(std::vector<AlertRule> rules, std::vector<AlertTarget> targets);

  // Judges all rules. A rule that cannot be judged changes nothing, and is the error; the others
  // count all the same.
  Result<> evaluate(const MetricStore& store, WallTime now);
  // Sends what waits, to each target in order, up to the first that it does not take. The error is
  // that of the last target that failed; call it again after a while.
  Result<> deliver(WallTime now);
  // Queues a notice that only says that notices arrive.
  Result<> test(WallTime now);

  Result<std::uint64_t> silence(Silence silence);  // its id
  Result<> unsilence(std::uint64_t id);

  std::vector<AlertRule> rules() const;
  std::vector<AlertTarget> targets() const;
  std::vector<Alert> alerts() const;
  std::vector<Silence> silences() const;
  std::size_t waiting() const;  // notices not delivered yet

 private:
  struct Waiting {
    std::string target;
    Notice notice;
  };
  Alerts(std::filesystem::path file, std::vector<AlertRule> rules,
         std::vector<AlertTarget> targets);
  void read(std::string_view text);
  Result<> save() const;
  void see(const AlertRule& rule, const Finding& finding, WallTime now);
  void tell(const Alert& alert, Notice::Kind kind, WallTime now);
  bool is_silenced(const Alert& alert, WallTime now) const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::vector<AlertRule> rules_;
  std::vector<AlertTarget> targets_;
  std::mutex delivery_;  // taken first
  std::vector<Alert> alerts_;
  std::vector<Silence> silences_;
  std::vector<Waiting> waiting_;  // oldest first
  std::uint64_t next_silence_ = 1;
};

}  // namespace fairlead::observe
