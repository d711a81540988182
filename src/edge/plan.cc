#include "edge/plan.h"

namespace fairlead::edge {

Result<PlanPtr> Plan::make(control::Snapshot snapshot, std::size_t loops, const Plan* previous) {
  std::shared_ptr<Plan> plan(new Plan(std::move(snapshot)));
  TRY_VOID(plan->compile_routes());
  auto trusted = AddressSet::parse(plan->snapshot_.trusted_proxies);
  if (!trusted) return fail(std::move(trusted).error().in("trusted_proxies"));
  plan->trusted_ = *std::move(trusted);
  std::vector<std::string> allow = plan->snapshot_.guard.allow;
  std::ranges::copy(plan->snapshot_.trusted_proxies, std::back_inserter(allow));
  auto spared = AddressSet::parse(allow);
  if (!spared) return fail(std::move(spared).error().in("guard.allow"));
  plan->spared_ = *std::move(spared);
  TRY_VOID(plan->take_targets(loops, previous));
  TRY_VOID(plan->load_tls(previous));
  return plan;
}

// Of the first listener for TLS: where plain requests are led to.
std::uint16_t Plan::https_port() const {
  for (const control::ListenerSpec& listener : snapshot_.listeners) {
    if (!listener.tls) continue;
    if (const auto address = io::Address::parse(listener.address)) return address->port();
  }
  return 0;
}

Result<> Plan::compile_routes() {
  std::unordered_map<std::string_view, std::uint32_t> pool_index;
  for (const control::Pool& pool : snapshot_.pools)
    pool_index.emplace(pool.name, static_cast<std::uint32_t>(pool_index.size()));
  for (const control::Route& route : snapshot_.routes) {
    const auto where = [&] { return fmt::format("route '{}{}'", route.host, route.path_prefix); };
    RoutePools& pools = pools_of_route_.emplace_back();
    for (const auto& [name, index] :
         {std::pair(&route.pool, &pools.pool), std::pair(&route.canary.pool, &pools.canary),
          std::pair(&route.mirror, &pools.mirror)}) {
      if (name->empty()) continue;
      const auto found = pool_index.find(*name);
      if (found == pool_index.end())
        return fail(Code::kInvalid, fmt::format("{}: no pool '{}'", where(), *name));
      *index = found->second;
    }
    auto policy = RoutePolicy::make(route, https_port());
    if (!policy) return fail(std::move(policy).error().in(where()));
    policies_.push_back(*std::move(policy));
  }
  return {};
}

Result<> Plan::take_targets(std::size_t loops, const Plan* previous) {
  std::unordered_map<std::string_view, TargetPtr> known;
  if (previous) {
    for (const auto& pool : previous->targets_) {
      for (const TargetPtr& target : pool) known.emplace(target->spec.id, target);
    }
  }
  for (const control::Pool& pool : snapshot_.pools) {
    auto& targets = targets_.emplace_back();
    for (const control::Origin& origin : pool.origins) {
      const auto found = known.find(origin.id);
      if (found != known.end() && found->second->same_as(origin) &&
          found->second->pool == pool.name && found->second->h2 == pool.h2) {
        targets.push_back(found->second);
        continue;
      }
      TRY(io::Address address, io::Address::parse(origin.address));
      targets.push_back(std::make_shared<Target>(origin, pool, address, loops));
    }
  }
  return {};
}

Result<> Plan::load_tls(const Plan* previous) {
  const auto& specs = snapshot_.certificates;
  if (specs.empty()) return {};
  std::vector<io::CertificateFiles> files;
  for (const control::CertificateSpec& spec : specs) {
    files.push_back({spec.certificate, spec.key, spec.acme_proof});
    std::error_code ignored;  // a missing file is reported when it is read
    certificate_times_.push_back(std::filesystem::last_write_time(spec.certificate, ignored));
    certificate_times_.push_back(
        std::filesystem::last_write_time(spec.certificate + ".ocsp", ignored));
  }
  const control::TlsRules& rules = snapshot_.tls;
  const auto same = [](const control::CertificateSpec& a, const control::CertificateSpec& b) {
    return a.certificate == b.certificate && a.key == b.key;
  };
  if (previous && previous->tls_ && previous->certificate_times_ == certificate_times_ &&
      std::ranges::equal(specs, previous->snapshot_.certificates, same) &&
      rules == previous->snapshot_.tls) {
    tls_ = previous->tls_;
    return {};
  }
  TRY(io::TlsContext context,
      io::TlsContext::server(
          files, {"h2", "http/1.1"},
          {.modern = rules.modern, .client_ca = rules.client_ca, .client_may = rules.client_may}));
  tls_ = std::make_shared<const io::TlsContext>(std::move(context));
  return {};
}

std::optional<Plan::Choice> Plan::route(std::string_view host, std::string_view path,
                                        const http::RequestHead& head) const {
  const auto index = routes_.find(host, path, head);
  if (!index) return std::nullopt;
  return Choice{snapshot_.routes[*index], pools_of_route_[*index], policies_[*index]};
}

}  // namespace fairlead::edge
