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

Task<Result<Visit>> Tally::count(std::string address, std::string request_id) {
  std::int64_t place = 0;
  const auto add = [&](Batch& batch) {
    place = ++batch.size;
    if (request_id.empty()) {
      ++batch.unnamed;
    } else {
      if (!batch.request_ids.empty()) batch.request_ids += ',';
      telemetry::append_json_string(batch.request_ids, request_id);
    }
  };
  auto& batches = by_address_.try_emplace(address, loop_).first->second;
  const auto batch = co_await batches.join(add, [&](Batch& all) { return write(address, all); });
  if (const auto found = by_address_.find(address);
      found != by_address_.end() && found->second.idle())
    by_address_.erase(found);
  if (!batch) co_return fail(batch.error());
  const auto later = std::max<std::int64_t>((*batch)->counted - place, 0);
  co_return Visit{(*batch)->after.visits - later, (*batch)->after.total};
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
