// Fills and asks a metric store, for `bench/run metrics`. Prints one JSON object.
//
//   bench_metrics fill FOLDER SERIES DAYS    a sample of each series every 10 s; all of them are
//   kept bench_metrics openmetrics SERIES DAYS    the same samples as OpenMetrics text with times
//   bench_metrics ask FOLDER DAYS SERIES     charts of the last days over so many series
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <bit>
#include <cmath>
#include <iterator>

#include "base/strings.h"
#include "observe/metric_store.h"

namespace {

using namespace fairlead;
using namespace fairlead::observe;

constexpr std::int64_t kStart = 3600 * 96 * 5000;  // a round date in 2024
constexpr std::int64_t kStep = 10;

std::uint64_t mix(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
  n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
  return n ^ (n >> 31);
}

// What Fairlead's own metrics look like, in the proportions in which they come: of ten series four
// are busy counters (requests by route, buckets of histograms), three counters that move now and
// then, one CPU time in milliseconds, one memory in pages, one a setting that never changes.
struct Simulated {
  std::uint64_t number;
  double value = 0;

  bool counter() const { return number % 10 < 8; }
  MetricName name() const {
    static constexpr const char* kNames[] = {
        "requests", "requests", "duration_bucket", "duration_bucket", "errors",
        "errors",   "restarts", "cpu_seconds",     "memory_bytes",    "memory_limit_bytes"};
    return {kNames[number % 10],
            {{"app", "shop"},
             {"replica", fmt::format("web.{}", number / 10)},
             {"n", fmt::format("{}", number % 10)}}};
  }
  void advance(std::int64_t time) {
    const std::uint64_t random = mix(number * 1'000'003 + static_cast<std::uint64_t>(time));
    // Half as much traffic by night as by day.
    const double day = 0.75 + 0.25 * std::sin(static_cast<double>(time) / 86400 * 6.283);
    // The sum of bits is near enough to the noise of arrivals.
    const double noise = std::popcount(random & 0xffffffff) - 16;
    switch (number % 10) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const double rate = static_cast<double>(5 + mix(number) % 500) * day;
        value += std::max(0.0, std::round(rate + noise * std::sqrt(rate) / 2.83));
        break;
      }
      case 4:
      case 5:
      case 6:
        value += random % 50 == 0 ? static_cast<double>(random >> 8 & 3) : 0;
        break;
      case 7:
        value = std::round((value + day * 0.5 + noise * 0.02) * 1000) / 1000;
        break;
      case 8:
        if (value == 0) value = 64 << 20;
        if (random % 3 == 0) value = std::max(1e6, value + noise * 4096);
        break;
      default:
        value = 256 << 20;
    }
  }
};

WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(kStart + seconds)); }

int fail_with(const Error& error) { return fmt::print(stderr, "{}\n", error.message()), 1; }

double cpu_seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::unique_ptr<MetricStore> open(const std::string& folder) {
  const Duration all = std::chrono::days(1000);
  auto store = MetricStore::open({.folder = folder, .keep = {all, all, all}, .quota = 1ull << 40});
  if (!store) std::exit(fail_with(store.error()));
  return *std::move(store);
}

int fill(const std::string& folder, std::uint64_t count, std::int64_t days) {
  auto store = open(folder);
  std::vector<Simulated> simulated;
  std::vector<MetricSample> samples;
  for (std::uint64_t n = 0; n < count; ++n) {
    simulated.push_back({n});
    const auto id = store->series(
        simulated[n].name(), simulated[n].counter() ? MetricKind::kCounter : MetricKind::kGauge);
    if (!id) return fail_with(id.error());
    samples.push_back({*id, 0});
  }
  double simulating = 0;
  for (std::int64_t time = 0; time < days * 86400; time += kStep) {
    const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (std::uint64_t n = 0; n < count; ++n) {
      simulated[n].advance(time);
      samples[n].value = simulated[n].value;
    }
    simulating += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
    if (auto done = store->append(at(time), samples); !done) return fail_with(done.error());
    if (time % 21600 == 0)
      if (auto done = store->tidy(); !done) return fail_with(done.error());
  }
  if (auto done = store->tidy(); !done) return fail_with(done.error());
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::array<std::uint64_t, kLevels> bytes{};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    for (std::size_t level = 0; level < kLevels; ++level)
      if (name.starts_with(fmt::format("{}-", kResolutions[level].step)))
        bytes[level] += entry.file_size();
  }
  const auto status = store->status();
  const double raw_samples = static_cast<double>(status.blocks[0]) *
                             static_cast<double>(kResolutions[0].points) *
                             static_cast<double>(count);
  fmt::print(
      R"({{"samples":{:.0f},"bytes_per_sample":{:.3f},"raw_bytes":{},"minute_bytes":{},"hour_bytes":{},"cpu_s":{:.1f},"ns_per_sample":{:.0f},"rss_kib":{}}})"
      "\n",
      raw_samples, static_cast<double>(bytes[0]) / raw_samples, bytes[0], bytes[1], bytes[2],
      cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - simulating,
      (cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - simulating) / raw_samples * 1e9, usage.ru_maxrss);
  return 0;
}

int openmetrics(std::uint64_t count, std::int64_t days) {
  // Families of samples must not be interleaved: series after series, each from the beginning.
  std::string text;
  for (std::uint64_t kind = 0; kind < 10; ++kind) {
    text += fmt::format("# TYPE m{} {}\n", kind, kind < 8 ? "counter" : "gauge");
    for (std::uint64_t n = kind; n < count; n += 10) {
      Simulated simulated{n};
      for (std::int64_t time = 0; time < days * 86400; time += kStep) {
        simulated.advance(time);
        fmt::format_to(std::back_inserter(text), "m{}{}{{app=\"shop\",replica=\"web.{}\"}} {} {}\n",
                       kind, kind < 8 ? "_total" : "", n / 10, simulated.value, kStart + time);
      }
      std::fwrite(text.data(), 1, text.size(), stdout);
      text.clear();
    }
  }
  std::puts("# EOF");
  return 0;
}

int ask(const std::string& folder, std::int64_t days, std::uint64_t replicas) {
  const Instant before_open = now();
  auto store = open(folder);
  const Instant opened = now();
  const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  const auto chart = [&](const char* name, const char* n, Reduce reduce, std::uint64_t series) {
    MetricQuery query{.select = {name, {{"n", n}}},
                      .from = at(0),
                      .to = at(days * 86400),
                      .step = 1h,
                      .reduce = reduce};
    if (series == 1) query.select.labels.emplace_back("replica", "web.7");
    const Instant begin = now();
    const auto result = store->query(query);
    if (!result) std::exit(fail_with(result.error()));
    return ms(now() - begin);
  };
  const double counter = chart("requests", "0", Reduce::kRate, 1);
  const double gauge = chart("memory_bytes", "8", Reduce::kMax, 1);
  const double sum = chart("requests", "0", Reduce::kRate, replicas);
  fmt::print(
      R"({{"open_ms":{:.1f},"one_counter_ms":{:.1f},"one_gauge_ms":{:.1f},"sum_series":{},"sum_ms":{:.1f}}})"
      "\n",
      ms(opened - before_open), counter, gauge, store->select({"requests", {{"n", "0"}}}).size(),
      sum);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) {
    return static_cast<std::int64_t>(parse_unsigned(args[i]).value_or(0));
  };
  if (args.size() == 4 && args[0] == "fill")
    return fill(args[1], static_cast<std::uint64_t>(number(2)), number(3));
  if (args.size() == 3 && args[0] == "openmetrics")
    return openmetrics(static_cast<std::uint64_t>(number(1)), number(2));
  if (args.size() == 4 && args[0] == "ask")
    return ask(args[1], number(2), static_cast<std::uint64_t>(number(3)));
  fmt::print(stderr, "usage: see the head of bench/metrics.cc\n");
  return 2;
}
