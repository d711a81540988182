#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "control/snapshot.h"
#include "edge/address_set.h"
#include "edge/route_policy.h"
#include "edge/route_table.h"
#include "edge/target.h"
#include "io/tls.h"

namespace fairlead::edge {

// A snapshot made ready for use: checked, compiled, immutable, shared by all loops until the next
// one replaces it between two requests.
class Plan {
 public:
  // Origins that `previous` (may be null) has too are taken over with their state and counters, and
  // so is its TLS context if the certificate files have not changed. Blocks (certificates are
  // read).
  static Result<std::shared_ptr<const Plan>> make(control::Snapshot snapshot, std::size_t loops,
                                                  const Plan* previous);

  const control::Snapshot& snapshot() const { return snapshot_; }
  const control::EdgeTimeouts& timeouts() const { return snapshot_.timeouts; }
  const control::EdgeLimits& limits() const { return snapshot_.limits; }
  const AddressSet& trusted() const { return trusted_; }
  // Who is never banned, and may open any number of connections: the allowed and trusted proxies.
  const AddressSet& spared() const { return spared_; }
  const io::TlsContext* tls() const { return tls_.get(); }
  // Of each pool, in the snapshot's order.
  const std::vector<std::vector<TargetPtr>>& targets() const { return targets_; }

  // Indices of the snapshot's pools.
  static constexpr std::uint32_t kNoPool = ~0u;
  struct RoutePools {
    std::uint32_t pool = kNoPool;
    std::uint32_t canary = kNoPool;
    std::uint32_t mirror = kNoPool;
  };
  struct Choice {
    const control::Route& route;
    const RoutePools& pools;
    const RoutePolicyPtr& policy;  // null for most
  };
  // `host` and `path` as normalized_host() and normalized_path() give them.
  std::optional<Choice> route(std::string_view host, std::string_view path,
                              const http::RequestHead& head) const;

 private:
  explicit Plan(control::Snapshot snapshot)
      : snapshot_(std::move(snapshot)), routes_(snapshot_.routes) {}
  Result<> compile_routes();
  std::uint16_t https_port() const;
  Result<> load_tls(const Plan* previous);
  Result<> take_targets(std::size_t loops, const Plan* previous);

  control::Snapshot snapshot_;
  RouteTable routes_;
  std::vector<RoutePools> pools_of_route_;
  std::vector<RoutePolicyPtr> policies_;  // of each route
  std::vector<std::vector<TargetPtr>> targets_;
  AddressSet trusted_;
  AddressSet spared_;
  std::shared_ptr<const io::TlsContext> tls_;
  std::vector<std::filesystem::file_time_type> certificate_times_;
};

using PlanPtr = std::shared_ptr<const Plan>;

}  // namespace fairlead::edge
