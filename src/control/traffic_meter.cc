#include "control/traffic_meter.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fairlead::control {

using nlohmann::json;

void TrafficMeter::Counts::add(const Counts& other) {
  requests += other.requests;
  failed += other.failed;
  retried += other.retried;
  held += other.held;
  for (const auto& [bound, count] : other.durations) durations[bound] += count;
}

Traffic TrafficMeter::Counts::traffic() const {
  Traffic traffic{.requests = requests, .failed = failed, .retried = retried, .held = held};
  std::uint64_t all = 0;
  for (const auto& [bound, count] : durations) all += count;
  const auto quantile = [&](double q) {
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(all));
    std::uint64_t seen = 0;
    for (const auto& [bound, count] : durations)
      if ((seen += count) > rank) return Duration(std::chrono::microseconds(bound));
    return Duration(0);
  };
  traffic.p50 = quantile(0.5);
  traffic.p99 = quantile(0.99);
  return traffic;
}

Result<> TrafficMeter::take(std::string_view counters) {
  try {
    const json object = json::parse(counters);
    const auto failed_of = [](const json& classes) {
      return classes.at("5xx").get<std::uint64_t>() + classes.at("none").get<std::uint64_t>();
    };
    const auto update = [](Origin& origin, Counts now) {
      if (now.requests < origin.last.requests) origin.before.add(origin.last);
      origin.last = std::move(now);
    };
    for (const auto& entry : object.at("origins")) {
      auto& origin = origins_[fmt::format("{} {}", entry.at("origin").get<std::string>(),
                                          entry.at("address").get<std::string>())];
      entry.at("pool").get_to(origin.pool);
      entry.at("release").get_to(origin.release);
      Counts counts{.requests = entry.at("requests"),
                    .failed = failed_of(entry.at("status")),
                    .retried = entry.at("retried"),
                    .held = entry.value("held", std::uint64_t{0}),
                    .durations = {}};
      for (const auto& bucket : entry.at("durations_us"))
        counts.durations[bucket.at(0)] += bucket.at(1).get<std::uint64_t>();
      update(origin, std::move(counts));
    }
    Counts without;
    for (const auto& [name, count] : object.at("without_origin").items())
      without.requests += count.get<std::uint64_t>();
    without.failed = failed_of(object.at("without_origin"));
    update(without_origin_, std::move(without));
    return {};
  } catch (const json::exception& e) {
    return fail(Code::kProtocol, fmt::format("the edge's counters cannot be read: {}", e.what()));
  }
}

TrafficMeter::Counts TrafficMeter::sum(std::string_view pools, std::string_view release) const {
  Counts sum;
  for (const auto& [key, origin] : origins_) {
    if (!origin.pool.starts_with(pools) || (!release.empty() && origin.release != release))
      continue;
    sum.add(origin.before);
    sum.add(origin.last);
  }
  if (release.empty()) {
    // No origin, so nobody's; a request that was turned away counts against whoever asks.
    sum.requests += without_origin_.before.failed + without_origin_.last.failed;
    sum.failed += without_origin_.before.failed + without_origin_.last.failed;
  }
  return sum;
}

Traffic TrafficMeter::total(std::string_view pools, std::string_view release) const {
  return sum(pools, release).traffic();
}

void TrafficMeter::mark(std::string_view pools) { marks_[std::string(pools)] = sum(pools, ""); }

Traffic TrafficMeter::since_mark(std::string_view pools) const {
  Counts counts = sum(pools, "");
  if (const auto mark = marks_.find(pools); mark != marks_.end()) {
    counts.requests -= mark->second.requests;
    counts.failed -= mark->second.failed;
    counts.retried -= mark->second.retried;
    counts.held -= mark->second.held;
    for (const auto& [bound, count] : mark->second.durations) counts.durations[bound] -= count;
  }
  return counts.traffic();
}

}  // namespace fairlead::control
