#include "edge/balancer.h"

#include "edge/origin_pool.h"

namespace fairlead::edge {

void Balancer::reset(const std::vector<OriginPool*>& origins, std::size_t offset) {
  credit_.assign(origins.size(), 0);
  if (origins.empty()) return;
  next_ = offset % origins.size();
  credit_[next_] = 1;
}

OriginPool* Balancer::pick(const std::vector<OriginPool*>& origins, const OriginPool* avoid) {
  const auto choose = [&](const OriginPool* without) {
    return kind_ == control::Balance::kLeastRequests ? least_requests(origins, without)
                                                     : round_robin(origins, without);
  };
  OriginPool* chosen = choose(avoid);
  return chosen || !avoid ? chosen : choose(nullptr);
}

// Every origin earns its weight, the richest is chosen and pays for all.
OriginPool* Balancer::round_robin(const std::vector<OriginPool*>& origins,
                                  const OriginPool* avoid) {
  OriginPool* best = nullptr;
  std::size_t best_index = 0;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < origins.size(); ++i) {
    if (origins[i] == avoid || !origins[i]->ready()) continue;
    const std::int64_t weight = origins[i]->target().spec.weight;
    total += weight;
    credit_[i] += weight;
    if (!best || credit_[i] > credit_[best_index]) {
      best = origins[i];
      best_index = i;
    }
  }
  if (best) credit_[best_index] -= total;
  return best;
}

OriginPool* Balancer::least_requests(const std::vector<OriginPool*>& origins,
                                     const OriginPool* avoid) {
  OriginPool* best = nullptr;
  std::uint64_t best_load = 0;
  std::size_t best_index = 0;
  for (std::size_t n = 0; n < origins.size(); ++n) {
    const std::size_t i = (next_ + n) % origins.size();
    if (origins[i] == avoid || !origins[i]->ready()) continue;
    const Target& target = origins[i]->target();
    const std::uint64_t load = (target.in_flight() + 1) * 1000 / target.spec.weight;
    if (best && load >= best_load) continue;
    best = origins[i];
    best_load = load;
    best_index = i;
  }
  if (best) next_ = best_index + 1;
  return best;
}

}  // namespace fairlead::edge
