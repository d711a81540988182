#include "history.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace airquality {

using namespace fairlead;
using io::Task;
using store::Dialect;

namespace {

constexpr Duration kTimeout = 5s;

// As the program before this one had it: a database of its making already has it.
constexpr store::Script kOldTable{
    .sqlite = "CREATE TABLE IF NOT EXISTS UserQueries (Time timestamp PRIMARY KEY, City text);",
    .postgresql =
        "CREATE TABLE IF NOT EXISTS UserQueries (Time timestamp PRIMARY KEY, City text);"};

// Two queries may come in the same microsecond: the time is no key.
constexpr store::Script kOwnKey{.sqlite = R"sql(
      CREATE TABLE UserQueries_new (id integer PRIMARY KEY AUTOINCREMENT, Time timestamp NOT NULL,
                                    City text);
      INSERT INTO UserQueries_new (Time, City) SELECT Time, City FROM UserQueries ORDER BY Time;
      DROP TABLE UserQueries;
      ALTER TABLE UserQueries_new RENAME TO UserQueries;
      CREATE INDEX userqueries_newest ON UserQueries (Time DESC, id DESC);)sql",
                                .postgresql = R"sql(
      DO $$ DECLARE name text; BEGIN
        SELECT conname INTO name FROM pg_constraint
          WHERE conrelid = 'userqueries'::regclass AND contype = 'p';
        IF name IS NOT NULL THEN
          EXECUTE format('ALTER TABLE UserQueries DROP CONSTRAINT %I', name);
        END IF;
      END $$;
      ALTER TABLE UserQueries ALTER COLUMN Time SET NOT NULL, ADD COLUMN id bigserial PRIMARY KEY;
      CREATE INDEX userqueries_newest ON UserQueries (Time DESC, id DESC);)sql"};

// In SQLite times are kept as the text that is shown, which sorts as it should.
std::string_view shown_time(Dialect dialect) {
  return dialect == Dialect::kSqlite ? "Time" : R"(to_char(Time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))";
}
std::string_view kept_time(Dialect dialect) {
  return dialect == Dialect::kSqlite ? "$1" : "$1::timestamp";
}

// $1: a JSON array of [time, city].
std::string_view insert(Dialect dialect) {
  return dialect == Dialect::kSqlite
             ? "INSERT INTO UserQueries (Time, City) "
               "SELECT value ->> 0, value ->> 1 FROM json_each($1)"
             : "INSERT INTO UserQueries (Time, City) SELECT (value ->> 0)::timestamp, "
               "value ->> 1 FROM jsonb_array_elements($1::jsonb) AS query(value)";
}

constexpr std::string_view kForm = "0000-00-00T00:00:00.000000Z";

// Whether it is of kForm, and not larger than any time in any digit pair.
bool is_time(std::string_view text) {
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return false;
  }
  const auto number = [&](std::size_t at) { return *parse_unsigned(text.substr(at, 2)); };
  const std::chrono::year_month_day date(
      std::chrono::year(static_cast<int>(*parse_unsigned(text.substr(0, 4)))),
      std::chrono::month(static_cast<unsigned>(number(5))),
      std::chrono::day(static_cast<unsigned>(number(8))));
  return date.ok() && date.year() >= std::chrono::year(1) && number(11) < 24 && number(14) < 60 &&
         number(17) < 60;
}

}  // namespace

store::Migrations migrations() {
  return {.steps = {{.version = 1, .name = "queries", .up = kOldTable, .down = {}},
                    {.version = 2, .name = "queries_own_key", .up = kOwnKey, .down = {}}}};
}

std::string Before::text() const { return fmt::format("{}_{}", time, id); }

Result<Before> parse_before(std::string_view text) {
  const auto underscore = text.find('_');
  std::string time(text.substr(0, underscore));
  if (!time.ends_with('Z')) time += 'Z';
  // 2018-02-21T15:03:15Z and 2018-02-21T15:03:15.1Z are times too.
  if (time.size() == 20) time.insert(19, ".");
  if (time.size() > 20 && time.size() < kForm.size() && time[19] == '.')
    time.insert(time.size() - 1, std::string(kForm.size() - time.size(), '0'));
  std::optional<std::uint64_t> id = 0;
  if (underscore != std::string_view::npos) id = parse_unsigned(text.substr(underscore + 1));
  if (!is_time(time) || !id || *id > INT64_MAX)
    return fail(Code::kInvalid, "before must be a time as the history shows it, in UTC");
  return Before{std::move(time), static_cast<std::int64_t>(*id)};
}

Task<Result<>> History::add(std::string city) {
  const auto add = [&](Batch& queries) {
    if (!queries.empty()) queries += ',';
    queries += fmt::format("[\"{}\",", rfc3339(wall_now()));
    telemetry::append_json_string(queries, city);
    queries += ']';
  };
  CO_TRY([[maybe_unused]] const auto written,
         co_await batches_.join(add, [this](const Batch& queries) { return write(queries); }));
  co_return Result<>{};
}

Task<Result<>> History::write(const Batch& queries) {
  std::vector<store::Value> parameters;
  parameters.emplace_back("[" + queries + "]");
  CO_TRY([[maybe_unused]] const auto added,
         co_await store_->query(std::string(insert(store_->dialect())), std::move(parameters),
                                io::Deadline::in(kTimeout)));
  co_return Result<>{};
}

Task<Result<std::vector<Query>>> History::page(std::optional<Before> before, std::int64_t count,
                                               io::Deadline deadline) {
  const auto dialect = store_->dialect();
  std::vector<store::Value> parameters;
  std::string where;
  if (before) {
    where = fmt::format("WHERE (Time, id) < ({}, $2)", kept_time(dialect));
    parameters.emplace_back(before->time);
    parameters.emplace_back(before->id);
  }
  parameters.emplace_back(count);
  CO_TRY(const auto rows,
         co_await store_->query(
             fmt::format("SELECT {}, City, id FROM UserQueries {} ORDER BY Time DESC, id DESC "
                         "LIMIT ${}",
                         shown_time(dialect), where, parameters.size()),
             std::move(parameters), deadline));
  std::vector<Query> queries;
  queries.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    queries.push_back({rows.text(i, 0), rows.text(i, 1), rows.integer(i, 2)});
  co_return queries;
}

}  // namespace airquality
