// What all loops share of an origin: where it is, whether it is ready, and what was counted.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "control/snapshot.h"
#include "edge/balancer.h"
#include "io/address.h"
#include "telemetry/metrics.h"

namespace fairlead::edge {

// What one loop counted about one origin. Written by that loop alone.
struct alignas(64) OriginStats {
  telemetry::Counter requests;  // exchanges that ended with this origin as their last
  telemetry::Counter failed;    // of those: answered by the edge with a 5xx, or cut short
  telemetry::Counter retried;   // attempts that failed here and were made again elsewhere
  telemetry::Counter held;      // of the requests: those that had waited in their pool
  telemetry::Counter in_flight;
  telemetry::Counter connects;
  telemetry::Counter by_class[6];  // status / 100; [0] is a request without an answer
  telemetry::Counter bytes_in;     // bodies, from clients
  telemetry::Counter bytes_out;    // bodies, to clients
  telemetry::Histogram duration;   // first byte of the request to last byte of the response
};

// An origin. It keeps its identity from snapshot to snapshot as long as id, address and release
// stay the same.
struct Target {
  Target(control::Origin origin, const control::Pool& its_pool, io::Address where,
         std::size_t loops)
      : spec(std::move(origin)),
        pool(its_pool.name),
        address(where),
        h2(its_pool.h2),
        id_hash(stable_hash(spec.id)),
        stats(loops) {
    became_ready(now());
  }

  const control::Origin spec;
  const std::string pool;
  const io::Address address;
  const bool h2;                // speaks HTTP/2 only
  const std::uint64_t id_hash;  // stands for spec.id in sticky cookies and consistent hashing
  // False keeps new requests away. Cleared by a loop whose connection was refused, set and cleared
  // by the HealthChecker; relaxed, because nothing else is read because of it.
  mutable std::atomic<bool> ready = true;
  mutable std::vector<OriginStats> stats;  // one per loop

  // Since when it is ready without a break: its slow start counts from there.
  Instant ready_since() const { return at(ready_since_); }
  void became_ready(Instant when) const { set(ready_since_, when); }

  // ---- passive health, by what the loops see of its answers
  bool ejected(Instant when) const {
    const auto until = ejected_until_.load(std::memory_order_relaxed);
    return until != 0 && when.time_since_epoch().count() < until;
  }
  void eject(Instant until) const {
    set(ejected_until_, until);
    ejections.fetch_add(1, std::memory_order_relaxed);
  }
  mutable std::atomic<std::uint32_t> failures_in_a_row = 0;
  mutable std::atomic<std::uint32_t> ejections_in_a_row = 0;  // without a good answer between
  mutable std::atomic<std::uint64_t> ejections = 0;           // ever

  std::uint64_t in_flight() const {
    std::uint64_t sum = 0;
    for (const OriginStats& loop : stats) sum += loop.in_flight.value();
    return sum;
  }
  bool same_as(const control::Origin& other) const {
    return spec.id == other.id && spec.address == other.address && spec.release == other.release &&
           spec.weight == other.weight;
  }

 private:
  using Ticks = std::atomic<Instant::duration::rep>;
  static Instant at(const Ticks& ticks) {
    return Instant(Instant::duration(ticks.load(std::memory_order_relaxed)));
  }
  static void set(Ticks& ticks, Instant when) {
    ticks.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }
  mutable Ticks ready_since_ = 0;
  mutable Ticks ejected_until_ = 0;
};

using TargetPtr = std::shared_ptr<const Target>;

}  // namespace fairlead::edge
