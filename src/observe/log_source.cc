#include "observe/log_source.h"

#include <atomic>

#include "io/sync.h"

namespace fairlead::observe {
namespace {

constexpr std::size_t kBatch = 500;

struct Source {
  Source(LogStore& s, io::Loop& l, io::Worker& w) : store(s), loop(l), worker(w), flushed(l) {}

  LogStore& store;
  io::Loop& loop;
  io::Worker& worker;
  LogQuery filter;
  std::vector<std::string> replicas;  // names or process types; empty: all
  std::size_t tail = 0;
  bool follow = false;
  bool begun = false;
  std::uint64_t after = 0;
  io::Event flushed;
  std::atomic<bool> told = false;  // a wake-up is on its way to the loop
  LogStore::Watch watch;

  bool wants(const std::string& replica) const {
    return replicas.empty() || std::ranges::any_of(replicas, [&](const std::string& wanted) {
             return replica == wanted || replica.starts_with(wanted + ".");
           });
  }
};
using SourcePtr = std::shared_ptr<Source>;
using Batch = Result<std::vector<control::LogLine>>;

std::vector<control::LogLine> as_control(const Source& source, std::vector<LogLine> lines) {
  std::vector<control::LogLine> batch;
  for (LogLine& line : lines)
    if (source.wants(line.labels->replica))
      batch.push_back({line.time, line.labels->replica, std::move(line.text)});
  return batch;
}

// The newest `tail` lines, oldest first; what is newer than the search is for the next call.
std::vector<control::LogLine> last_lines(Source& source) {
  source.after = source.store.status().next_sequence - 1;
  std::vector<control::LogLine> found;  // newest first
  for (std::optional<std::uint64_t> before = source.after + 1;
       before && found.size() < source.tail;) {
    LogPage page = source.store.newest(source.filter, *before);
    before = page.next;
    for (auto& line : as_control(source, std::move(page.lines))) found.push_back(std::move(line));
  }
  found.resize(std::min(found.size(), source.tail));
  std::ranges::reverse(found);
  return found;
}

// Runs on the worker. Nothing, when there is nothing more for now.
std::vector<control::LogLine> read_on(Source& source) {
  if (!std::exchange(source.begun, true) && source.tail > 0) {
    if (auto lines = last_lines(source); !lines.empty()) return lines;
  }
  for (;;) {
    LogPage page = source.store.following(source.filter, source.after);
    if (page.next == source.after) return {};
    source.after = *page.next;
    if (auto lines = as_control(source, std::move(page.lines)); !lines.empty()) return lines;
  }
}

io::Task<Batch> next_batch(SourcePtr source, io::Deadline deadline) {
  for (;;) {
    // Before reading: a flush during it is then not missed.
    source->flushed.reset();
    source->told = false;
    auto lines = co_await source->worker.run(source->loop, [&] { return read_on(*source); });
    if (!lines.empty() || !source->follow) co_return lines;
    CO_TRY_VOID(co_await source->flushed.wait(deadline));
  }
}

}  // namespace

control::LogSource read_log(LogStore& store, io::Loop& loop, io::Worker& worker, LogQuery filter,
                            control::LogQuery query) {
  auto source = std::make_shared<Source>(store, loop, worker);
  source->filter = std::move(filter);
  source->filter.limit = kBatch;
  source->filter.from = query.since;
  source->filter.to.reset();
  source->replicas = std::move(query.replicas);
  source->tail = query.tail;
  source->follow = query.follow;
  if (query.follow) {
    source->watch = store.watch([&loop, raw = source.get(), weak = std::weak_ptr(source)] {
      // `raw` lives: its destructor waits for this call to end. Only the loop may own it again.
      if (raw->told.exchange(true)) return;
      loop.post([weak] {
        if (const auto alive = weak.lock()) alive->flushed.set();
      });
    });
  }
  return [source](io::Deadline deadline) { return next_batch(source, deadline); };
}

}  // namespace fairlead::observe
