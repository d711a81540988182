#include "service/request_metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace fairlead::service {

namespace {

std::uint64_t resident_bytes() {
  std::uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void RequestMetrics::record(http::Method method, std::uint16_t status, Duration took) {
  ++requests_[{method, status}];
  durations_.record(took);
}

void RequestMetrics::write(telemetry::MetricsText& text, std::size_t connections) const {
  text.counter("http_requests", "Requests answered.");
  for (const auto& [key, count] : requests_) {
    const auto method = http::to_string(key.first);
    text.sample(count, {{"method", method.empty() ? "other" : method},
                        {"status", fmt::format("{}", key.second)}});
  }
  text.histogram("http_request_duration_seconds", "From a request's head to its answer's end.");
  text.sample(durations_);
  text.gauge("http_connections", "Client connections open now.");
  text.sample(connections);
  text.gauge("process_start_time_seconds", "When the process started, Unix time.");
  text.sample(std::chrono::duration<double>(started_.time_since_epoch()).count());
  text.counter("process_cpu_seconds", "CPU time used, user and system.");
  text.sample(cpu_seconds());
  text.gauge("process_resident_memory_bytes", "Resident memory.");
  text.sample(resident_bytes());
}

}  // namespace fairlead::service
