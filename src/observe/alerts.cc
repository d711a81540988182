#include "observe/alerts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"

namespace fairlead::observe {
namespace {

using nlohmann::json;

json to_json(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_from(const json& value) { return WallTime(Duration(value.get<std::int64_t>())); }

json to_json(const MetricLabels& labels) {
  json list = json::array();
  for (const auto& [key, value] : labels) list.push_back({key, value});
  return list;
}
MetricLabels labels_from(const json& list) {
  MetricLabels labels;
  for (const json& pair : list)
    labels.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
  return labels;
}

json to_json(const Alert& alert) {
  return {{"rule", alert.rule},
          {"severity", alert.severity},
          {"labels", to_json(alert.labels)},
          {"summary", alert.summary},
          {"firing", alert.state == Alert::kFiring},
          {"since", to_json(alert.since)},
          {"last_seen", to_json(alert.last_seen)},
          {"told", alert.told}};
}
Alert alert_from(const json& value) {
  return {.rule = value.at("rule"),
          .severity = value.at("severity"),
          .labels = labels_from(value.at("labels")),
          .summary = value.at("summary"),
          .state = value.at("firing").get<bool>() ? Alert::kFiring : Alert::kPending,
          .since = time_from(value.at("since")),
          .last_seen = time_from(value.at("last_seen")),
          .told = value.at("told")};
}

json to_json(const Silence& silence) {
  return {{"id", silence.id},
          {"rule", silence.rule},
          {"labels", to_json(silence.labels)},
          {"until", to_json(silence.until)},
          {"comment", silence.comment}};
}
Silence silence_from(const json& value) {
  return {.id = value.at("id"),
          .rule = value.at("rule"),
          .labels = labels_from(value.at("labels")),
          .until = time_from(value.at("until")),
          .comment = value.at("comment")};
}

json to_json(const Notice& notice) {
  return {{"id", notice.id},
          {"kind", static_cast<int>(notice.kind)},
          {"rule", notice.rule},
          {"severity", notice.severity},
          {"labels", to_json(notice.labels)},
          {"summary", notice.summary},
          {"since", to_json(notice.since)},
          {"at", to_json(notice.at)}};
}
Notice notice_from(const json& value) {
  return {.id = value.at("id"),
          .kind = static_cast<Notice::Kind>(value.at("kind").get<int>()),
          .rule = value.at("rule"),
          .severity = value.at("severity"),
          .labels = labels_from(value.at("labels")),
          .summary = value.at("summary"),
          .since = time_from(value.at("since")),
          .at = time_from(value.at("at"))};
}

}  // namespace

Alerts::Alerts(std::filesystem::path file, std::vector<AlertRule> rules,
               std::vector<AlertTarget> targets)
    : file_(std::move(file)), rules_(std::move(rules)), targets_(std::move(targets)) {}

Result<std::unique_ptr<Alerts>> Alerts::open(std::filesystem::path file,
                                             std::vector<AlertRule> rules,
                                             std::vector<AlertTarget> targets) {
  std::unique_ptr<Alerts> alerts(new Alerts(std::move(file), std::move(rules), std::move(targets)));
  const auto text = read_file(alerts->file_);
  if (!text && text.error().code() != Code::kNotFound) return fail(text.error());
  if (text) {
    try {
      alerts->read(*text);
    } catch (const json::exception& error) {
      return fail(Code::kProtocol,
                  fmt::format("{} is damaged: {}", alerts->file_.string(), error.what()));
    }
  }
  return alerts;
}

void Alerts::read(std::string_view text) {
  const json state = json::parse(text);
  for (const json& value : state.at("alerts")) alerts_.push_back(alert_from(value));
  for (const json& value : state.at("silences")) silences_.push_back(silence_from(value));
  for (const json& value : state.at("waiting"))
    waiting_.push_back({value.at("target"), notice_from(value.at("notice"))});
  next_silence_ = state.at("next_silence");
  // Of targets that are no longer there.
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    return std::ranges::find(targets_, waiting.target, &AlertTarget::name) == targets_.end();
  });
}

Result<> Alerts::save() const {
  json state{{"alerts", json::array()},
             {"silences", json::array()},
             {"waiting", json::array()},
             {"next_silence", next_silence_}};
  for (const Alert& alert : alerts_) state["alerts"].push_back(to_json(alert));
  for (const Silence& silence : silences_) state["silences"].push_back(to_json(silence));
  for (const Waiting& waiting : waiting_)
    state["waiting"].push_back({{"target", waiting.target}, {"notice", to_json(waiting.notice)}});
  return write_file_atomically(file_, state.dump(1, ' ', false, json::error_handler_t::replace),
                               0640);
}

void Alerts::configure(std::vector<AlertRule> rules, std::vector<AlertTarget> targets) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
  targets_ = std::move(targets);
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    return std::ranges::find(targets_, waiting.target, &AlertTarget::name) == targets_.end();
  });
}

Result<> Alerts::evaluate(const MetricStore& store, WallTime now) {
  std::vector<AlertRule> rules;
  {
    const std::lock_guard lock(mutex_);
    rules = rules_;
  }
  Result<> outcome;
  std::set<std::string> judged;
  std::vector<std::pair<const AlertRule*, Finding>> found;
  for (const AlertRule& rule : rules) {
    auto findings = judge(rule, store, now);
    if (!findings) {
      outcome = fail(findings.error());
      continue;
    }
    judged.insert(rule.name);
    for (Finding& finding : *findings) found.emplace_back(&rule, std::move(finding));
  }

  const std::lock_guard lock(mutex_);
  for (const auto& [rule, finding] : found) see(*rule, finding, now);
  std::erase_if(silences_, [&](const Silence& silence) { return silence.until <= now; });
  for (Alert& alert : alerts_) {
    alert.silenced = is_silenced(alert, now);
    if (alert.state != Alert::kFiring || alert.told || alert.silenced || alert.last_seen != now)
      continue;
    alert.told = true;
    tell(alert, Notice::kFiring, now);
  }
  std::erase_if(alerts_, [&](const Alert& alert) {
    const bool known = std::ranges::find(rules_, alert.rule, &AlertRule::name) != rules_.end();
    if (known && !judged.contains(alert.rule)) return false;
    if (known && now - alert.last_seen < (alert.state == Alert::kFiring ? kQuiet : Duration(1)))
      return false;
    if (alert.told) tell(alert, Notice::kResolved, now);
    return true;
  });
  // Before anything is sent: whoever was told is remembered as told.
  TRY_VOID(save());
  return outcome;
}

void Alerts::see(const AlertRule& rule, const Finding& finding, WallTime now) {
  auto alert = std::ranges::find_if(alerts_, [&](const Alert& known) {
    return known.rule == rule.name && known.labels == finding.labels;
  });
  if (alert == alerts_.end())
    alert = alerts_.insert(alert, {.rule = rule.name, .labels = finding.labels, .since = now});
  alert->severity = rule.severity;
  alert->summary = finding.summary;
  alert->last_seen = now;
  if (now - alert->since >= rule.hold) alert->state = Alert::kFiring;
}

namespace {

// What is of no app (a disk) concerns everybody.
bool concerns(const AlertTarget& target, const Alert& alert) {
  return std::ranges::all_of(target.only, [&](const auto& label) {
    const auto found =
        std::ranges::find(alert.labels, label.first, [](const auto& pair) { return pair.first; });
    return found == alert.labels.end() || found->second == label.second;
  });
}

}  // namespace

void Alerts::tell(const Alert& alert, Notice::Kind kind, WallTime now) {
  const Notice notice{
      .id = fmt::format("{}-{}-{:x}", alert.rule, to_string(kind),
                        std::hash<std::string>()(to_json(alert).dump()) ^
                            static_cast<std::size_t>(alert.since.time_since_epoch().count())),
      .kind = kind,
      .rule = alert.rule,
      .severity = alert.severity,
      .labels = alert.labels,
      .summary = alert.summary,
      .since = alert.since,
      .at = now};
  for (const AlertTarget& target : targets_)
    if (concerns(target, alert)) waiting_.push_back({target.name, notice});
}

bool Alerts::is_silenced(const Alert& alert, WallTime now) const {
  return std::ranges::any_of(silences_, [&](const Silence& silence) {
    if (now >= silence.until || (!silence.rule.empty() && silence.rule != alert.rule)) return false;
    return std::ranges::all_of(silence.labels, [&](const auto& label) {
      return std::ranges::find(alert.labels, label) != alert.labels.end();
    });
  });
}

Result<> Alerts::deliver(WallTime now) {
  const std::lock_guard delivering(delivery_);
  std::vector<AlertTarget> targets;
  {
    const std::lock_guard lock(mutex_);
    targets = targets_;
  }
  Result<> outcome;
  for (const AlertTarget& target : targets) {
    for (;;) {
      std::optional<Notice> notice;
      {
        const std::lock_guard lock(mutex_);
        const auto first = std::ranges::find(waiting_, target.name, &Waiting::target);
        if (first != waiting_.end()) notice = first->notice;
      }
      if (!notice) break;
      const auto sent = send(target, *notice);
      if (!sent) outcome = sent;
      const bool given_up =
          !sent && (sent.error().code() == Code::kInvalid || now - notice->at > kGiveUp);
      if (!sent && !given_up) break;
      const std::lock_guard lock(mutex_);
      std::erase_if(waiting_, [&](const Waiting& waiting) {
        return waiting.target == target.name && waiting.notice.id == notice->id;
      });
      TRY_VOID(save());
    }
  }
  return outcome;
}

Result<> Alerts::test(WallTime now) {
  const std::lock_guard lock(mutex_);
  const Notice notice{.id = fmt::format("test-{:x}", now.time_since_epoch().count()),
                      .kind = Notice::kTest,
                      .rule = "test",
                      .severity = "warning",
                      .summary = "alerts from Fairlead arrive here",
                      .since = now,
                      .at = now};
  for (const AlertTarget& target : targets_) waiting_.push_back({target.name, notice});
  return save();
}

Result<std::uint64_t> Alerts::silence(Silence silence) {
  const std::lock_guard lock(mutex_);
  silence.id = next_silence_++;
  silences_.push_back(std::move(silence));
  TRY_VOID(save());
  return silences_.back().id;
}

Result<> Alerts::unsilence(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(silences_, [&](const Silence& silence) { return silence.id == id; }) == 0)
    return fail(Code::kNotFound, fmt::format("there is no silence {}", id));
  return save();
}

std::vector<AlertRule> Alerts::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}
std::vector<AlertTarget> Alerts::targets() const {
  const std::lock_guard lock(mutex_);
  return targets_;
}
std::vector<Alert> Alerts::alerts() const {
  const std::lock_guard lock(mutex_);
  return alerts_;
}
std::vector<Silence> Alerts::silences() const {
  const std::lock_guard lock(mutex_);
  return silences_;
}
std::size_t Alerts::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace fairlead::observe
