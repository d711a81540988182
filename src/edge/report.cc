#include "edge/report.h"

#include <nlohmann/json.hpp>

#include "telemetry/metrics.h"

namespace fairlead::edge {

namespace {

constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

using OriginCounter = telemetry::Counter OriginStats::*;
using LoopCounter = telemetry::Counter LoopStats::*;

std::uint64_t sum(const Target& target, OriginCounter counter) {
  std::uint64_t total = 0;
  for (const OriginStats& stats : target.stats) total += (stats.*counter).value();
  return total;
}

std::uint64_t sum(const Edge& edge, LoopCounter counter) {
  std::uint64_t total = 0;
  for (const auto& worker : edge.workers()) total += (worker->stats().*counter).value();
  return total;
}

std::uint64_t sum_class(const Target& target, std::size_t status_class) {
  std::uint64_t total = 0;
  for (const OriginStats& stats : target.stats) total += stats.by_class[status_class].value();
  return total;
}

std::uint64_t sum_without_origin(const Edge& edge, std::size_t status_class) {
  std::uint64_t total = 0;
  for (const auto& worker : edge.workers()) {
    total += worker->stats().without_origin[status_class].value();
  }
  return total;
}

std::uint64_t sum_limit(const Edge& edge, std::size_t limit) {
  std::uint64_t total = 0;
  for (const auto& worker : edge.workers()) total += worker->stats().limit_hits[limit].value();
  return total;
}

std::unique_ptr<telemetry::Histogram> durations(const Target& target) {
  auto merged = std::make_unique<telemetry::Histogram>();
  for (const OriginStats& stats : target.stats) merged->merge(stats.duration);
  return merged;
}

void write_origins(telemetry::MetricsText& text, const std::vector<TargetPtr>& targets) {
  const auto each = [&](auto sample) {
    for (const TargetPtr& target : targets) {
      sample(*target, telemetry::Labels{{"pool", target->pool},
                                        {"origin", target->spec.id},
                                        {"address", target->spec.address},
                                        {"release", target->spec.release}});
    }
  };
  const auto write = [&](OriginCounter counter) {
    each([&](const Target& target, telemetry::Labels labels) {
      text.sample(sum(target, counter), labels);
    });
  };
  text.counter("fairlead_edge_requests", "Requests answered, by the origin that was used last.");
  for (const TargetPtr& target : targets) {
    for (std::size_t c = 0; c < kClasses.size(); ++c) {
      text.sample(sum_class(*target, c), {{"pool", target->pool},
                                          {"origin", target->spec.id},
                                          {"address", target->spec.address},
                                          {"release", target->spec.release},
                                          {"class", kClasses[c]}});
    }
  }
  text.counter("fairlead_edge_requests_failed", "Answered by the edge with a 5xx, or cut short.");
  write(&OriginStats::failed);
  text.counter("fairlead_edge_attempts_retried", "Attempts that failed here and were made again.");
  write(&OriginStats::retried);
  text.counter("fairlead_edge_requests_held", "Requests that waited while their pool was held.");
  write(&OriginStats::held);
  text.gauge("fairlead_edge_in_flight", "Requests being served.");
  write(&OriginStats::in_flight);
  text.counter("fairlead_edge_origin_connects", "Connections made to origins.");
  write(&OriginStats::connects);
  text.counter("fairlead_edge_received_bytes", "Request bodies.");
  write(&OriginStats::bytes_in);
  text.counter("fairlead_edge_sent_bytes", "Response bodies.");
  write(&OriginStats::bytes_out);
  text.gauge("fairlead_edge_origin_ready", "1 if the origin takes new requests.");
  each([&](const Target& target, telemetry::Labels labels) {
    text.sample(target.ready.load(std::memory_order_relaxed) ? 1 : 0, labels);
  });
  text.histogram("fairlead_edge_request_duration_seconds",
                 "From a request's head to the end of its response.");
  each([&](const Target& target, telemetry::Labels labels) {
    text.sample(*durations(target), labels);
  });
}

}  // namespace

std::string metrics_text(const Edge& edge) {
  telemetry::MetricsText text;
  write_origins(text, edge.targets());
  text.counter("fairlead_edge_requests_without_origin",
               "Requests that the edge answered before it chose an origin.");
  for (std::size_t c = 0; c < kClasses.size(); ++c) {
    text.sample(sum_without_origin(edge, c), {{"class", kClasses[c]}});
  }
  text.counter("fairlead_edge_requests_limited", "Answered with 429: the client asked too often.");
  text.sample(sum(edge, &LoopStats::limited));
  text.counter("fairlead_edge_cache_answers", "Answers of routes that cache, by where from.");
  text.sample(sum(edge, &LoopStats::cache_hits), {{"from", "store"}});
  text.sample(sum(edge, &LoopStats::cache_revalidated), {{"from", "store after asking"}});
  text.sample(sum(edge, &LoopStats::cache_misses), {{"from", "origin"}});
  text.counter("fairlead_edge_limit_hits", "Limits that clients ran into; docs/limits.md.");
  for (std::size_t limit = 0; limit < kLimitNames.size(); ++limit) {
    text.sample(sum_limit(edge, limit), {{"limit", kLimitNames[limit]}});
  }
  text.counter("fairlead_edge_h2_connections", "HTTP/2 connections.");
  text.sample(sum(edge, &LoopStats::h2_connections));
  text.counter("fairlead_edge_h2_streams", "Streams that clients began on them.");
  text.sample(sum(edge, &LoopStats::h2_streams));
  text.gauge("fairlead_edge_connections", "Client connections that are open.");
  text.sample(sum(edge, &LoopStats::connections));
  text.counter("fairlead_edge_connections_accepted", "Client connections.");
  text.sample(sum(edge, &LoopStats::connections_accepted));
  text.counter("fairlead_edge_connections_refused",
               "Closed at once, above limits.max_connections.");
  text.sample(sum(edge, &LoopStats::connections_refused));
  text.counter("fairlead_edge_tls_handshakes_failed", "TLS handshakes that failed or timed out.");
  text.sample(sum(edge, &LoopStats::handshakes_failed));
  text.counter("fairlead_edge_access_records_dropped", "The log's disk was full or too slow.");
  text.sample(edge.access_log().dropped());
  text.gauge("fairlead_edge_snapshot_version", "Version of the snapshot in effect.");
  text.sample(edge.snapshot().version);
  return text.finish();
}

std::string counters_json(const Edge& edge) {
  using Json = nlohmann::ordered_json;
  const auto microseconds = [](Duration duration) { return duration.count() / 1000; };
  Json origins = Json::array();
  for (const TargetPtr& target : edge.targets()) {
    const auto histogram = durations(*target);
    Json classes = Json::object();
    for (std::size_t c = 0; c < kClasses.size(); ++c) {
      classes[kClasses[c]] = sum_class(*target, c);
    }
    Json buckets = Json::array();
    histogram->each_bucket(
        [&](std::uint64_t bound, std::uint64_t count) { buckets.push_back({bound, count}); });
    origins.push_back({{"pool", target->pool},
                       {"origin", target->spec.id},
                       {"address", target->spec.address},
                       {"durations_us", std::move(buckets)},
                       {"release", target->spec.release},
                       {"ready", target->ready.load(std::memory_order_relaxed)},
                       {"requests", sum(*target, &OriginStats::requests)},
                       {"failed", sum(*target, &OriginStats::failed)},
                       {"retried", sum(*target, &OriginStats::retried)},
                       {"held", sum(*target, &OriginStats::held)},
                       {"in_flight", target->in_flight()},
                       {"status", std::move(classes)},
                       {"bytes_in", sum(*target, &OriginStats::bytes_in)},
                       {"bytes_out", sum(*target, &OriginStats::bytes_out)},
                       {"p50_us", microseconds(histogram->quantile(0.5))},
                       {"p99_us", microseconds(histogram->quantile(0.99))}});
  }
  Json without = Json::object();
  for (std::size_t c = 0; c < kClasses.size(); ++c) {
    without[kClasses[c]] = sum_without_origin(edge, c);
  }
  const Json counters = {{"version", edge.snapshot().version},
                         {"connections", sum(edge, &LoopStats::connections)},
                         {"without_origin", std::move(without)},
                         {"origins", std::move(origins)}};
  return counters.dump(2) + "\n";
}

}  // namespace fairlead::edge
