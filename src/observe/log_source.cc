#include "observe/log_source.h"

#include <algorithm>
#include <atomic>

#include "io/sync.h"

namespace fairlead::observe {
namespace {

constexpr std::size_t kBatch = 500;
constexpr Duration kSlice = 100ms;

struct Source {
  Source(LogStore& s, io::Loop& l, io::Worker& w) : store(s), loop(l), worker(w), flushed(l) {}

  LogStore& store;
  io::Loop& loop;
  io::Worker& worker;
  LogQuery filter;
  std::vector<std::string> replicas;  // names or process types; empty: all
  bool follow = false;

  // The newest `tail` lines are looked for first, backwards; what is newer than that search is read
  // afterwards, forwards.
  std::size_t tail = 0;
  std::optional<std::uint64_t> before;  // set while it goes backwards
  std::vector<control::LogLine> found;  // newest first
  std::uint64_t after = 0;

  io::Event flushed;
  std::atomic<bool> told = false;  // a wake-up is on its way to the loop
  LogStore::Watch watch;

  // "web" is web.1, web.2, …; "web.1.v3" is web.1 of release v3.
  bool wants(const LogLabels& labels) const {
    const auto is = [](const std::string& name, const std::string& wanted) {
      return name == wanted || (name.starts_with(wanted) && name[wanted.size()] == '.');
    };
    return replicas.empty() || std::ranges::any_of(replicas, [&](const std::string& wanted) {
             return is(labels.replica, wanted) || labels.replica + "." + labels.release == wanted;
           });
  }
};
using SourcePtr = std::shared_ptr<Source>;
using Batch = Result<std::vector<control::LogLine>>;

void add(const Source& source, std::vector<LogLine> lines, std::vector<control::LogLine>& to) {
  for (LogLine& line : lines)
    if (source.wants(*line.labels)) to.push_back(to_control(std::move(line)));
}

// One slice of a search, on the worker.
struct Slice {
  std::vector<control::LogLine> lines;  // oldest first
  bool more = false;                    // the search goes on
};

Slice search_backwards(Source& source) {
  LogPage page = source.store.newest(source.filter, *source.before);
  source.before = page.next;
  add(source, std::move(page.lines), source.found);
  if (source.before && source.found.size() < source.tail) return {.lines = {}, .more = true};
  source.before.reset();
  source.found.resize(std::min(source.found.size(), source.tail));
  std::ranges::reverse(source.found);
  return {.lines = std::exchange(source.found, {}), .more = true};
}

Slice search(Source& source) {
  source.filter.give_up = now() + kSlice;
  if (source.before) return search_backwards(source);
  LogPage page = source.store.following(source.filter, source.after);
  Slice slice{.lines = {}, .more = page.next != source.after};
  source.after = *page.next;
  add(source, std::move(page.lines), slice.lines);
  return slice;
}

io::Task<Batch> next_batch(SourcePtr source, io::Deadline deadline) {
  for (;;) {
    // Before reading: a flush during it is then not missed.
    source->flushed.reset();
    source->told = false;
    auto slice = co_await source->worker.run(source->loop, [&] { return search(*source); });
    if (!slice.lines.empty()) co_return std::move(slice.lines);
    if (slice.more) {
      if (deadline.passed()) co_return fail(Code::kTimeout, "the search goes on");
      continue;
    }
    if (!source->follow) co_return std::vector<control::LogLine>();
    CO_TRY_VOID(co_await source->flushed.wait(deadline));
  }
}

std::optional<Level> level_named(std::string_view name) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError})
    if (to_string(level) == name) return level;
  return std::nullopt;
}

LogQuery filter_of(control::LogQuery& query) {
  LogQuery filter{.app = std::move(query.app),
                  .environment = std::move(query.environment),
                  .release = std::move(query.release),
                  .source = std::move(query.source)};
  if (query.replicas.size() == 1 && query.replicas[0].find('.') != std::string::npos) {
    // Whole names are in the index.
    const auto& name = query.replicas[0];
    filter.replica = name.substr(0, name.find(".v"));
  }
  filter.least_level = level_named(query.level);
  filter.status_from = query.status_from;
  filter.status_to = query.status_to;
  filter.request_id = std::move(query.request_id);
  filter.terms = parse_terms(query.grep);
  filter.from = query.since;
  filter.to = query.until;
  filter.limit = kBatch;
  return filter;
}

}  // namespace

control::LogLine to_control(LogLine line) {
  return {.time = line.time,
          .replica = line.labels->replica,
          .text = std::move(line.text),
          .app = line.labels->app,
          .environment = line.labels->environment,
          .release = line.labels->release,
          .source = line.labels->source,
          .level = line.level ? std::string(to_string(*line.level)) : "",
          .status = line.status,
          .request_id = std::move(line.request_id)};
}

control::LogSource read_log(LogStore& store, io::Loop& loop, io::Worker& worker,
                            control::LogQuery query) {
  auto source = std::make_shared<Source>(store, loop, worker);
  source->filter = filter_of(query);
  source->replicas = std::move(query.replicas);
  source->tail = query.tail;
  source->follow = query.follow;
  if (query.tail > 0) {
    source->after = store.status().next_sequence - 1;
    source->before = source->after + 1;
  }
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
