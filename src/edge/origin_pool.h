#pragma once

#include <cstddef>
#include <memory>

#include "edge/h2_origin_connection.h"
#include "edge/origin_connection.h"
#include "edge/target.h"
#include "io/sync.h"

namespace fairlead::edge {

class Worker;

// One origin as one loop uses it: its connections. Idle ones are taken last-in-first-out, so that
// few stay warm and the rest time out.
class OriginPool {
 public:
  OriginPool(Worker& worker, TargetPtr target);
  ~OriginPool();
  OriginPool(const OriginPool&) = delete;

  const Target& target() const { return *target_; }
  OriginStats& stats() const;
  bool ready() const { return target_->ready.load(std::memory_order_relaxed); }
  // Keeps new requests away until a health check has passed.
  void mark_unready();

  // The idle connection used last, or a stream on one that has room; or null. With `probe` an idle
  // socket is asked whether the origin has closed it: for requests that cannot be sent twice.
  OriginStream* take_idle(bool probe);
  // A new connection, which may still be on its way. kUnavailable when it is refused at once.
  Result<OriginStream*> connect();
  // A connection whose exchange ended cleanly.
  void put_back(OriginConnection& connection);

  // An exchange counts as in flight here from enter() to leave().
  void enter() { stats().in_flight.add(); }
  void leave() { stats().in_flight.subtract(); }

  // The origin is gone from the snapshot: idle connections close now, the others with their
  // exchange.
  void retire();
  // Nobody refers to it any more.
  bool unused() const { return connections_ == 0 && stats().in_flight.value() == 0; }

 private:
  friend class OriginConnection;
  friend class H2OriginConnection;
  OriginStream* take_stream();
  void connection_closed() { --connections_; }
  void left_idle() { --idle_count_; }

  Worker& worker_;
  TargetPtr target_;
  io::Link idle_;  // OriginConnection
  io::Link h2_;    // H2OriginConnection, all of them
  std::size_t idle_count_ = 0;
  std::size_t connections_ = 0;
  bool retired_ = false;
};

}  // namespace fairlead::edge
