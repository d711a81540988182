// What a service counts of its requests and of itself.
#pragma once

#include <map>
#include <utility>

#include "http/head.h"
#include "telemetry/metrics.h"

namespace fairlead::service {

class RequestMetrics {
 public:
  void record(http::Method method, std::uint16_t status, Duration took);
  void write(telemetry::MetricsText& text, std::size_t connections) const;

 private:
  std::map<std::pair<http::Method, std::uint16_t>, std::uint64_t> requests_;
  telemetry::Histogram durations_;
  WallTime started_ = wall_now();
};

}  // namespace fairlead::service
