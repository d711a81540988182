// Asks programs for their metrics, every 10 seconds, and stores what they say.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/address.h"
#include "io/loop.h"
#include "io/task.h"
#include "io/worker.h"
#include "observe/metric_store.h"

namespace fairlead::observe {

struct ScrapeTarget {
  io::Address address;
  std::string path = "/metrics";
  MetricLabels labels;   // of every sample: {"app", "shop"}, {"replica", "web.1"}
  bool is_edge = false;  // its samples are of apps: see name_edge_samples()
};

class Collector {
 public:
  // A target that has not answered by then counts as down.
  static constexpr Duration kPatience = 5s;
  static constexpr std::size_t kLargestText = 8 << 20;

  // `targets` is asked before each round, on the loop's thread. Loop, worker and store outlive it.
  Collector(io::Loop& loop, io::Worker& worker, MetricStore& store,
            std::function<std::vector<ScrapeTarget>()> targets)
      : loop_(loop), worker_(worker), store_(store), targets_(std::move(targets)) {}

  // One round: every target at the same time, stored as of `time`. A target that is down, or says
  // what cannot be read, has a 0 in "fairlead_scrape_ok", the others a 1. The error is of the
  // store.
  io::Task<Result<>> collect(WallTime time);
  // Rounds at every full 10 seconds until the deadline, or its Stop. A store that fails (a full
  // disk) is tried again with the next round; last_error() says how the last one went.
  io::Task<void> run(io::Deadline until);
  const Result<>& last_error() const { return last_; }

 private:
  struct Round;
  io::Task<void> ask(Round& round, std::size_t index);

  io::Loop& loop_;
  io::Worker& worker_;
  MetricStore& store_;
  std::function<std::vector<ScrapeTarget>()> targets_;
  Result<> last_;
};

}  // namespace fairlead::observe
