#include "sql_counter.h"

namespace countme {

using namespace fairlead;
using io::Task;

namespace {
constexpr Duration kTimeout = 5s;
constexpr Duration kRemembered = 30s;
constexpr Duration kCleaningInterval = 10s;
}  // namespace

store::Migrations migrations() {
  return {.steps = {{.version = 1,
                     .name = "hits",
                     .up = store::Script::both(
                         "CREATE TABLE hits (n bigint NOT NULL); INSERT INTO hits VALUES (0); "
                         "CREATE TABLE request (id text PRIMARY KEY, n bigint NOT NULL, "
                         "seconds bigint NOT NULL); "
                         "CREATE INDEX request_seconds ON request (seconds);")}}};
}

Result<std::optional<store::DatabaseUrl>> database(const service::Environment& environment) {
  const auto text = environment.find("DATABASE_URL");
  if (!text || environment.find("REDIS_URL")) return std::nullopt;
  TRY(const auto url, store::parse_store_url("DATABASE_URL", *text, {"sqlite"}));
  TRY(auto found, store::database_url(url));
  return found;
}

Task<Result<std::int64_t>> SqlCounter::next(std::string request_id) {
  std::vector<store::Statement> statements;
  std::size_t answer = 0;
  if (request_id.empty()) {
    statements.push_back({"UPDATE hits SET n = n + 1 RETURNING n"});
  } else {
    const std::int64_t seconds =
        std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()).count();
    statements.push_back(
        {"UPDATE hits SET n = n + 1 WHERE NOT EXISTS (SELECT 1 FROM request WHERE id = $1)",
         {request_id}});
    statements.push_back(
        {"INSERT INTO request SELECT $1, n, $2 FROM hits WHERE true "
         "ON CONFLICT (id) DO NOTHING",
         {request_id, seconds}});
    statements.push_back({"SELECT n FROM request WHERE id = $1", {request_id}});
    answer = 2;
    if (now() >= next_cleaning_) {
      next_cleaning_ = now() + kCleaningInterval;
      statements.push_back(
          {"DELETE FROM request WHERE seconds < $1",
           {seconds - std::chrono::duration_cast<std::chrono::seconds>(kRemembered).count()}});
    }
  }
  CO_TRY(const auto results,
         co_await store_->transaction(std::move(statements), io::Deadline::in(kTimeout)));
  co_return results[answer].integer(0, 0);
}

}  // namespace countme
