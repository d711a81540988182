// Asks programs for their metrics, every 10 seconds, and stores what they say.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/address.h"
#include "io/loop.h"
#include "io/task.h"
#include "io/worker.h"
#include "observe/edge_totals.h"
#include "observe/openmetrics.h"

namespace fairlead::observe {

struct ScrapeTarget {
  io::Address address;
  std::string path = "/metrics";
  MetricLabels labels;   // of every sample: {"app", "shop"}, {"replica", "web.1"}
  bool is_edge = false;  // its samples are of apps: see name_edge_samples()
};

class Collector {
 public:
  using Samples = std::vector<ScrapedSample>;
  // A target that has not answered by then counts as down.
  static constexpr Duration kPatience = 5s;
  static constexpr std::size_t kLargestText = 8 << 20;

  // `targets` is asked before each round, on the loop's thread. Loop, worker and store outlive it.
  // `own` gives samples that come with each round without being asked for; it is called on the
  // worker.
  using Own = std::move_only_function<std::vector<ScrapedSample>()>;
  Collector(
      io::Loop& loop, io::Worker& worker, MetricStore& store,
      std::function<std::vector<ScrapeTarget>()> targets,
      std::function<Own()> own = [] { return Own([] { return Samples(); }); })
      : loop_(loop),
        worker_(worker),
        store_(store),
        targets_(std::move(targets)),
        own_(std::move(own)) {}

  // One round: every target at the same time, stored as of `time`. A target that is down, or says
  // what cannot be read, has a 0 in "fairlead_scrape_ok", the others a 1: one that
  // answers 404 has no metrics, which is fine. The error is of the store.
  io::Task<Result<>> collect(WallTime time);
  // Rounds at every full 10 seconds until the deadline, or its Stop. A store that fails (a full
  // disk) is tried again with the next round; last_error() says how the last one went.
  io::Task<void> run(io::Deadline until);
  const Result<>& last_error() const { return last_; }
  // All samples of the last round, with their targets' labels. Any thread.
  std::shared_ptr<const Samples> last_round() const {
    const std::lock_guard lock(latest_mutex_);
    return latest_;
  }

 private:
  struct Round;
  io::Task<void> ask(Round& round, std::size_t index);

  io::Loop& loop_;
  io::Worker& worker_;
  MetricStore& store_;
  std::function<std::vector<ScrapeTarget>()> targets_;
  std::function<Own()> own_;
  EdgeTotals edge_totals_;  // the worker's
  mutable std::mutex latest_mutex_;
  std::shared_ptr<const Samples> latest_ = std::make_shared<const Samples>();
  Result<> last_;
};

}  // namespace fairlead::observe
