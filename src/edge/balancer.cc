#include "edge/balancer.h"

#include <cmath>

#include "edge/origin_pool.h"

namespace fairlead::edge {

namespace {

// Weights in sixteenths, so that an origin in its slow start has a share below 1.
constexpr std::uint64_t kWhole = 16;

}  // namespace

std::uint64_t stable_bits(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return stable_bits(hash);
}

// Which origins one choice is made among, and with which weights.
struct Balancer::Choosing {
  const control::Pool& rules;
  const OriginPool* avoid;
  bool ejected_too;
  Instant now;

  bool may(const OriginPool& origin) const {
    const Target& target = origin.target();
    return &origin != avoid && origin.ready() && (ejected_too || !target.ejected(now)) &&
           (rules.max_requests == 0 || target.in_flight() < rules.max_requests);
  }
  std::uint64_t weight(const OriginPool& origin) const {
    const Target& target = origin.target();
    const std::uint64_t whole = target.spec.weight * kWhole;
    if (rules.slow_start_ms == 0) return whole;
    const auto age = (now - target.ready_since()) / 1ms;
    const auto ramp = static_cast<std::int64_t>(rules.slow_start_ms);
    if (age >= ramp) return whole;
    return std::max<std::uint64_t>(
        1,
        whole * static_cast<std::uint64_t>(std::max<std::int64_t>(age, 0)) / rules.slow_start_ms);
  }
  std::uint64_t load(const OriginPool& origin) const {
    return (origin.target().in_flight() + 1) * 1000 * kWhole / weight(origin);
  }
};

void Balancer::reset(const Origins& origins, std::size_t offset) {
  credit_.assign(origins.size(), 0);
  random_ += offset * 0xbf58476d1ce4e5b9;
  if (origins.empty()) return;
  next_ = offset % origins.size();
  credit_[next_] = 1;
}

OriginPool* Balancer::pick(const Origins& origins, const Wish& wish, Instant now) {
  Choosing among{rules_, wish.avoid, false, now};
  if (OriginPool* chosen = choose(origins, among, wish)) return chosen;
  if (wish.avoid) {
    among.avoid = nullptr;
    if (OriginPool* chosen = choose(origins, among, wish)) return chosen;
  }
  among.ejected_too = true;
  return choose(origins, among, wish);
}

OriginPool* Balancer::choose(const Origins& origins, const Choosing& among, const Wish& wish) {
  if (wish.sticky != 0) {
    for (OriginPool* origin : origins)
      if (origin->target().id_hash == wish.sticky && among.may(*origin)) return origin;
  }
  switch (rules_.balance) {
    case control::Balance::kRoundRobin:
      return round_robin(origins, among);
    case control::Balance::kLeastRequests:
      return least_requests(origins, among);
    case control::Balance::kTwoChoices:
      return two_choices(origins, among);
    case control::Balance::kHash:
      return by_hash(origins, among, wish.key);
  }
  return nullptr;
}

// Every origin earns its weight, the richest is chosen and pays for all.
OriginPool* Balancer::round_robin(const Origins& origins, const Choosing& among) {
  OriginPool* best = nullptr;
  std::size_t best_index = 0;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < origins.size(); ++i) {
    if (!among.may(*origins[i])) continue;
    const auto weight = static_cast<std::int64_t>(among.weight(*origins[i]));
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

OriginPool* Balancer::least_requests(const Origins& origins, const Choosing& among) {
  OriginPool* best = nullptr;
  std::uint64_t best_load = 0;
  std::size_t best_index = 0;
  for (std::size_t n = 0; n < origins.size(); ++n) {
    const std::size_t i = (next_ + n) % origins.size();
    if (!among.may(*origins[i])) continue;
    const std::uint64_t load = among.load(*origins[i]);
    if (best && load >= best_load) continue;
    best = origins[i];
    best_load = load;
    best_index = i;
  }
  if (best) next_ = best_index + 1;
  return best;
}

// xorshift64*: spreading requests needs no better.
std::uint64_t Balancer::random() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1d;
}

OriginPool* Balancer::two_choices(const Origins& origins, const Choosing& among) {
  if (origins.empty()) return nullptr;
  // The next that may be chosen, from a random place on.
  const auto one = [&](const OriginPool* other) -> OriginPool* {
    const std::size_t start = random() % origins.size();
    for (std::size_t n = 0; n < origins.size(); ++n) {
      OriginPool* origin = origins[(start + n) % origins.size()];
      if (origin != other && among.may(*origin)) return origin;
    }
    return nullptr;
  };
  OriginPool* first = one(nullptr);
  OriginPool* second = first ? one(first) : nullptr;
  return second && among.load(*second) < among.load(*first) ? second : first;
}

OriginPool* Balancer::by_hash(const Origins& origins, const Choosing& among, std::uint64_t key) {
  OriginPool* best = nullptr;
  double best_score = 0;
  for (OriginPool* origin : origins) {
    if (!among.may(*origin)) continue;
    // In (0, 1); the larger the weight, the nearer its root is to 1.
    const std::uint64_t bits = stable_bits(key ^ origin->target().id_hash) >> 11;
    const double chance = (static_cast<double>(bits) + 0.5) / 9007199254740992.0;
    const double score = static_cast<double>(among.weight(*origin)) / -std::log(chance);
    if (best && score <= best_score) continue;
    best = origin;
    best_score = score;
  }
  return best;
}

}  // namespace fairlead::edge
