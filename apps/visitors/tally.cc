#include "tally.h"

#include "schema.h"

namespace visitors {

using namespace fairlead;
using io::Task;

namespace {
constexpr Duration kTimeout = 5s;
constexpr Duration kVersionIsFresh = 60s;  // the database may be upgraded under us
}  // namespace

struct Tally::Batch {
  explicit Batch(io::Loop& loop) : done(loop) {}
  std::int64_t visits = 0;
  bool begun = false;
  Result<Visit> after = fail(Code::kInternal, "not counted");  // as the last of the batch sees it
  io::Event done;
};

Task<Result<Visit>> Tally::count(std::string address) {
  const auto previous = latest_[address];
  const bool joins = previous && !previous->begun;
  const auto batch = joins ? previous : std::make_shared<Batch>(loop_);
  latest_[address] = batch;
  const std::int64_t place = ++batch->visits;
  if (joins) {
    // Whoever opened the batch is sure to end it.
    (void)co_await batch->done.wait(io::Deadline::never());
  } else {
    if (previous) (void)co_await previous->done.wait(io::Deadline::never());
    batch->begun = true;
    batch->after = co_await write(address, batch->visits);
    batch->done.set();
    if (latest_[address] == batch) latest_.erase(address);
  }
  if (!batch->after) co_return fail(batch->after.error());
  co_return Visit{batch->after->visits - batch->visits + place, batch->after->total};
}

Task<Result<Visit>> Tally::write(std::string address, std::int64_t visits) {
  const auto dialect = database_.dialect();
  std::vector<store::Statement> statements(2);
  statements[0] = {std::string(count_visits(dialect)), {std::move(address), visits}};
  statements[1] = {std::string(kTotal)};
  if (now() >= version_until_) statements.push_back({std::string(database_version_query(dialect))});
  CO_TRY(const auto results,
         co_await database_.transaction(std::move(statements), io::Deadline::in(kTimeout)));
  if (results.size() > 2) {
    version_ = results[2].text(0, 0);
    version_until_ = now() + kVersionIsFresh;
  }
  co_return Visit{results[0].integer(0, 0), results[1].integer(0, 0)};
}

}  // namespace visitors
