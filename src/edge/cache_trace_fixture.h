// For the cache's tests and its benchmark: who asks for what, and the yardstick.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <list>
#include <random>
#include <unordered_map>
#include <vector>

namespace fairlead::edge {

// Least recently used goes first.
class Lru {
 public:
  explicit Lru(std::size_t capacity) : capacity_(capacity) {}
  // Whether it was there.
  bool touch(std::uint64_t id) {
    if (const auto found = places_.find(id); found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    order_.push_front(id);
    places_[id] = order_.begin();
    if (order_.size() > capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    return false;
  }

 private:
  std::size_t capacity_;
  std::list<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
};

// Popular things (Zipf) among which somebody now and then reads `scan` others once, one after the
// other (a crawler, a backup): on average after `pause` requests; 0 for never.
class ZipfWithScans {
 public:
  ZipfWithScans(std::size_t objects, double skew, std::size_t scan, std::size_t pause)
      : scan_(scan), pause_(pause) {
    double sum = 0;
    for (std::size_t rank = 1; rank <= objects; ++rank) {
      cumulative_.push_back(sum += 1 / std::pow(static_cast<double>(rank), skew));
    }
  }
  std::uint64_t next() {
    if (left_ == 0 && pause_ != 0 && random_() % pause_ == 0) left_ = scan_;
    if (left_ > 0) {
      --left_;
      return scanned_++;
    }
    const double point = std::uniform_real_distribution<>(0, cumulative_.back())(random_);
    return static_cast<std::uint64_t>(
        std::lower_bound(cumulative_.begin(), cumulative_.end(), point) - cumulative_.begin());
  }

 private:
  const std::size_t scan_, pause_;
  std::mt19937_64 random_{7};
  std::vector<double> cumulative_;
  std::uint64_t scanned_ = 1ull << 40;
  std::size_t left_ = 0;
};

}  // namespace fairlead::edge
