#include "tally.h"

#include <algorithm>

#include "schema.h"
#include "telemetry/log.h"

namespace visitors {

using namespace fairlead;
using io::Task;

namespace {
constexpr Duration kTimeout = 5s;
constexpr Duration kVersionIsFresh = 60s;  // the database may be upgraded under us
constexpr Duration kForgetInterval = 10s;
constexpr std::int64_t kRememberedSeconds = 60;
}  // namespace

struct Tally::Batch {
  explicit Batch(io::Loop& loop) : done(loop) {}
  std::int64_t size = 0;     // visits that joined
  std::int64_t unnamed = 0;  // of them, those without request ID
  std::string request_ids;   // of the others: the members of a JSON array
  bool begun = false;

  Result<> outcome = fail(Code::kInternal, "not counted");
  std::int64_t counted = 0;  // visits that were not known yet
  Visit after{};             // as the last of the batch sees it
  io::Event done;
};

Task<Result<Visit>> Tally::count(std::string address, std::string request_id) {
  const auto previous = latest_[address];
  const bool joins = previous && !previous->begun;
  const auto batch = joins ? previous : std::make_shared<Batch>(loop_);
  latest_[address] = batch;
  const std::int64_t place = ++batch->size;
  if (request_id.empty()) {
    ++batch->unnamed;
  } else {
    if (!batch->request_ids.empty()) batch->request_ids += ',';
    telemetry::append_json_string(batch->request_ids, request_id);
  }
  if (joins) {
    // Whoever opened the batch is sure to end it.
    (void)co_await batch->done.wait(io::Deadline::never());
  } else {
    if (previous) (void)co_await previous->done.wait(io::Deadline::never());
    batch->begun = true;
    batch->outcome = co_await write(address, *batch);
    batch->done.set();
    if (latest_[address] == batch) latest_.erase(address);
  }
  if (!batch->outcome) co_return fail(batch->outcome.error());
  const auto later = std::max<std::int64_t>(batch->counted - place, 0);
  co_return Visit{batch->after.visits - later, batch->after.total};
}

Task<Result<>> Tally::write(std::string address, Batch& batch) {
  const auto dialect = database_.dialect();
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()).count();
  auto statements = count_visits(dialect, std::move(address), batch.unnamed,
                                 "[" + batch.request_ids + "]", second);
  const std::size_t counting = statements.size() - 1;
  statements.push_back({std::string(kTotal)});
  const bool asks_version = now() >= version_until_;
  if (asks_version) statements.push_back({std::string(database_version_query(dialect))});
  if (now() >= forget_at_) {
    forget_at_ = now() + kForgetInterval;
    statements.push_back({std::string(kForget), {second - kRememberedSeconds}});
  }
  CO_TRY(const auto results,
         co_await database_.transaction(std::move(statements), io::Deadline::in(kTimeout)));
  batch.counted = results[counting].integer(0, 1);
  batch.after = {results[counting].integer(0, 0), results[counting + 1].integer(0, 0)};
  if (asks_version) {
    version_ = results[counting + 2].text(0, 0);
    version_until_ = now() + kVersionIsFresh;
  }
  co_return Result<>{};
}

}  // namespace visitors
