// Fills and searches a log store, for `bench/run logs`. Prints one JSON object.
//
//   bench_logs write FOLDER LINES RATE     lines of 20 replicas at RATE a second (0: as fast as it
//   goes) bench_logs plain LINES                 the same lines on stdout, as plain text bench_logs
//   export LINES                the same in journald's export format bench_logs search FOLDER TERM…
//   the first page of a search
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <iterator>
#include <thread>

#include "base/strings.h"
#include "observe/log_store.h"

namespace {

using namespace fairlead;
using namespace fairlead::observe;

constexpr unsigned kReplicas = 20;
constexpr std::uint64_t kBatch = 50;  // what one read of a replica's pipe brings

double cpu_seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::uint64_t mix(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
  n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
  return n ^ (n >> 31);
}

// Line number `n`: four in five are JSON of a web service with an ID per request, the fifth is
// plain. "zanzibar" is in one of 10 million, "timeout" in one of a thousand.
void append_line(std::string& out, std::uint64_t n) {
  const std::uint64_t random = mix(n);
  const auto at = std::back_inserter(out);
  const std::uint64_t ms = n / 100;
  if (n % 5 == 0) {
    fmt::format_to(at, "worker {}: job {} {} after {} ms{}\n", random % 8, random >> 40,
                   random % 1000 == 0 ? "failed: timeout" : "done", random % 977,
                   n % 10'000'000 == 5'000'000 ? " zanzibar" : "");
    return;
  }
  static constexpr const char* kPaths[] = {"/cart", "/products", "/search", "/login",
                                           "/api/v1/orders"};
  const unsigned status = random % 500 == 0 ? 503 : random % 50 == 0 ? 404 : 200;
  fmt::format_to(
      at,
      R"({{"time":"2026-11-20T{:02}:{:02}:{:02}.{:03}Z","level":"{}","request_id":"{:016x}",)"
      R"("method":"GET","path":"{}/{}","status":{},"duration":{}.{:03},"message":"request {}"}})"
      "\n",
      ms / 3600000 % 24, ms / 60000 % 60, ms / 1000 % 60, ms % 1000,
      status == 503 ? "error" : "info", random, kPaths[random % 5], (random >> 8) % 5000, status,
      random % 2, random % 1000, status == 503 ? "failed" : "served");
}

int write(const std::string& folder, std::uint64_t lines, std::uint64_t rate) {
  auto store = LogStore::open({.folder = folder, .quota = 1ull << 40});
  if (!store) return fmt::print(stderr, "{}\n", store.error().message()), 1;
  std::vector<StreamId> streams;
  for (unsigned i = 0; i < kReplicas; ++i)
    streams.push_back(
        (*store)->stream({"shop", "production", "v3", fmt::format("web.{}", i), "app"}));
  const Instant start = now();
  double generating = 0;
  std::string text;
  for (std::uint64_t n = 0; n < lines; n += kBatch) {
    const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    text.clear();
    for (std::uint64_t i = n; i < n + kBatch; ++i) append_line(text, i);
    generating += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
    auto done =
        (*store)->append_text(streams[n / kBatch % kReplicas], text, Mark{"source", n + kBatch});
    if (done) done = (*store)->flush();
    if (!done) return fmt::print(stderr, "{}\n", done.error().message()), 1;
    if (rate != 0 && n % 1000 == 0)
      std::this_thread::sleep_until(start + std::chrono::nanoseconds(n * 1'000'000'000 / rate));
  }
  const double appended = std::chrono::duration<double>(now() - start).count();
  if (auto sealed = (*store)->seal_all(); !sealed)
    return fmt::print(stderr, "{}\n", sealed.error().message()), 1;
  const double wall = std::chrono::duration<double>(now() - start).count();
  const auto status = (*store)->status();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print(
      R"({{"lines":{},"appended_s":{:.2f},"sealed_s":{:.2f},"cpu_s":{:.2f},"bytes":{},"segments":{},"rss_kib":{}}})"
      "\n",
      status.next_sequence - 1, appended, wall, cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - generating,
      status.bytes, status.segments, usage.ru_maxrss);
  return 0;
}

int print(std::uint64_t lines, bool journal) {
  std::string text;
  for (std::uint64_t n = 0; n < lines; ++n) {
    if (journal)
      fmt::format_to(std::back_inserter(text),
                     "__REALTIME_TIMESTAMP={}\n_SYSTEMD_UNIT=web.{}\nMESSAGE=",
                     1'700'000'000'000'000 + n * 10, n / kBatch % kReplicas);
    append_line(text, n);
    if (journal) text += '\n';
    if (text.size() < 1 << 20 && n + 1 < lines) continue;
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t written = ::write(1, rest.data(), rest.size());
      if (written < 0) return 1;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    text.clear();
  }
  return 0;
}

int search(const std::string& folder, std::vector<std::string> terms) {
  const Instant before_open = now();
  auto store = LogStore::open({.folder = folder, .quota = 1ull << 40});
  if (!store) return fmt::print(stderr, "{}\n", store.error().message()), 1;
  const Instant start = now();
  const LogPage page = (*store)->newest({.terms = std::move(terms)});
  const Instant end = now();
  const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  fmt::print(R"({{"open_ms":{:.1f},"search_ms":{:.1f},"lines":{},"first":{},"problems":{}}})"
             "\n",
             ms(start - before_open), ms(end - start), page.lines.size(),
             page.lines.empty() ? 0 : page.lines[0].sequence, page.problems.size());
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string> args(words + 1, words + count);
  const auto number = [&](std::size_t i) { return parse_unsigned(args[i]).value_or(0); };
  if (args.size() == 4 && args[0] == "write") return write(args[1], number(2), number(3));
  if (args.size() == 2 && (args[0] == "plain" || args[0] == "export"))
    return print(number(1), args[0] == "export");
  if (args.size() >= 3 && args[0] == "search")
    return search(args[1], {args.begin() + 2, args.end()});
  fmt::print(stderr, "usage: see the head of bench/logs.cc\n");
  return 2;
}
