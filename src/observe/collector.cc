#include "observe/collector.h"

#include "http/client.h"
#include "io/sync.h"
#include "observe/openmetrics.h"

namespace fairlead::observe {

struct Collector::Round {
  std::vector<ScrapeTarget> targets;
  std::vector<Result<std::string>> texts;  // of each target
};

namespace {

using Samples = Collector::Samples;

// What a target said, with its labels.
Samples read_answer(const ScrapeTarget& target, const Result<std::string>& text, EdgeTotals& edge) {
  Samples samples;
  bool ok = false;
  if (text) {
    if (auto read = read_openmetrics(*text)) {
      samples = *std::move(read);
      ok = true;
    }
  }
  if (target.is_edge) {
    name_edge_samples(samples);
    samples = edge.take(std::move(samples));
  }
  samples.push_back({{"fairlead_scrape_ok", {}}, MetricKind::kGauge, ok ? 1.0 : 0.0});
  for (ScrapedSample& sample : samples) add_labels(sample.name, target.labels);
  return samples;
}

struct Stored {
  Result<> outcome;
  Samples samples;
};

// On the worker: parsing thousands of lines has no place on a loop.
Stored store_round(MetricStore& store, EdgeTotals& edge, const std::vector<ScrapeTarget>& targets,
                   const std::vector<Result<std::string>>& texts, Samples own, WallTime time) {
  Stored stored{.outcome = {}, .samples = std::move(own)};
  for (std::size_t i = 0; i < targets.size(); ++i)
    std::ranges::move(read_answer(targets[i], texts[i], edge), std::back_inserter(stored.samples));
  stored.outcome = store_samples(store, stored.samples, time);
  if (auto tidied = store.tidy(); !tidied) stored.outcome = tidied;
  return stored;
}

}  // namespace

io::Task<void> Collector::ask(Round& round, std::size_t index) {
  const ScrapeTarget& target = round.targets[index];
  http::Client client(loop_, target.address, "localhost",
                      {.max_idle = 0, .max_body = kLargestText});
  http::Request request;
  request.target = target.path;
  request.fields.add("Accept",
                     "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
  auto response = co_await client.send(std::move(request), io::Deadline::in(kPatience));
  if (!response)
    round.texts[index] = fail(response.error());
  else if (response->status == 404)
    round.texts[index] = std::string();
  else if (response->status != 200)
    round.texts[index] = fail(Code::kUnavailable, fmt::format("it answered {}", response->status));
  else
    round.texts[index] = std::move(response->body);
}

io::Task<Result<>> Collector::collect(WallTime time) {
  Round round{.targets = targets_(), .texts = {}};
  round.texts.resize(round.targets.size());
  io::Gate gate(loop_);
  for (std::size_t i = 0; i < round.targets.size(); ++i) gate.spawn(ask(round, i));
  // Every one of them ends within its patience.
  (void)co_await gate.drained(io::Deadline::never());
  auto stored = co_await worker_.run(loop_, [&, own = own_()]() mutable {
    return store_round(store_, edge_totals_, round.targets, round.texts, own(), time);
  });
  auto latest = std::make_shared<const Samples>(std::move(stored.samples));
  {
    const std::lock_guard lock(latest_mutex_);
    latest_.swap(latest);
  }
  co_return stored.outcome;
}

io::Task<void> Collector::run(io::Deadline until) {
  for (;;) {
    const auto into_step = wall_now().time_since_epoch() % MetricStore::kStep;
    if (!co_await io::sleep(loop_, MetricStore::kStep - into_step, until)) co_return;
    last_ = co_await collect(wall_now());
  }
}

}  // namespace fairlead::observe
