#include "measurements.h"

#include <fmt/format.h>

#include "schema.h"

namespace airdata {

using namespace fairlead;
using io::Task;

namespace {

constexpr std::int64_t kPage = 4000;
constexpr const char* kVersion = "SELECT version, changed_us FROM data_version";

// Jumps from one station to the next in the index instead of reading it.
constexpr const char* kStations =
    "WITH RECURSIVE station(id) AS (SELECT min(id_entity) FROM air_quality UNION ALL "
    "SELECT (SELECT min(id_entity) FROM air_quality WHERE id_entity > station.id) FROM station "
    "WHERE station.id IS NOT NULL) "
    "SELECT id, (SELECT min(time_us) FROM air_quality WHERE id_entity = station.id), "
    "(SELECT max(time_us) FROM air_quality WHERE id_entity = station.id) FROM station "
    "WHERE id IS NOT NULL ORDER BY id";

DataVersion version_of(const store::Rows& rows) { return {rows.integer(0, 0), rows.integer(0, 1)}; }

store::Statement select(const Filter& filter, const std::optional<Key>& position) {
  store::Statement statement;
  std::string where;
  const auto condition = [&](std::string_view text, store::Value value) {
    statement.parameters.push_back(std::move(value));
    where += fmt::format("{} {} ${}", where.empty() ? "WHERE" : " AND", text,
                         statement.parameters.size());
  };
  if (filter.station) condition("id_entity =", *filter.station);
  if (filter.to) condition("time_us <", *filter.to);
  if (position) {
    statement.parameters.emplace_back(position->time);
    statement.parameters.emplace_back(position->station);
    where += fmt::format("{} (time_us, id_entity) > (${}, ${})", where.empty() ? "WHERE" : " AND",
                         statement.parameters.size() - 1, statement.parameters.size());
  } else if (filter.from) {
    condition("time_us >=", *filter.from);
  }
  statement.sql = fmt::format(
      "SELECT time_us, id_entity, so2, no2, co, o3, pm10, pm2_5 FROM air_quality {} "
      "ORDER BY time_us, id_entity LIMIT {}",
      where, kPage);
  return statement;
}

// Where reading begins: at `from`, or after the key that the client has already. Of means the whole
// bucket is read again, and what was seen of it left out when it is written.
std::optional<Key> start_of(const Filter& filter) {
  if (!filter.after) return std::nullopt;
  Key key = *filter.after;
  if (filter.every) key.station.clear();
  if (filter.from && key.time < *filter.from) return std::nullopt;
  return key;
}

}  // namespace

Measurements::Measurements(io::Loop& loop, const store::DatabaseUrl& url)
    : store_(loop, url, migrations().latest()) {}

Task<Result<DataVersion>> Measurements::version(io::Deadline deadline) {
  CO_TRY(const auto rows, co_await store_->query(kVersion, {}, deadline));
  co_return version_of(rows);
}

Task<Result<Page>> Measurements::page(Filter filter, std::optional<Key> position,
                                      io::Deadline deadline) {
  if (!position) position = start_of(filter);
  std::vector<store::Statement> statements;
  statements.push_back(select(filter, position));
  statements.push_back({kVersion});  // last: what changed while the rows were read shows here
  CO_TRY(auto results, co_await store_->transaction(std::move(statements), deadline));
  const auto& rows = results[0];
  Page page{.rows = std::vector<Measurement>(rows.size()),
            .version = version_of(results[1]),
            .last = static_cast<std::int64_t>(rows.size()) < kPage};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& row = page.rows[i];
    row.time = rows.integer(i, 0);
    row.station = rows.text(i, 1);
    for (std::size_t value = 0; value < kValues.size(); ++value)
      if (!rows.is_null(i, value + 2)) row.values[value] = rows.real(i, value + 2);
  }
  co_return page;
}

Task<Result<std::vector<Station>>> Measurements::stations(io::Deadline deadline) {
  CO_TRY(const auto rows, co_await store_->query(kStations, {}, deadline));
  std::vector<Station> stations;
  for (std::size_t i = 0; i < rows.size(); ++i)
    stations.push_back({rows.text(i, 0), rows.integer(i, 1), rows.integer(i, 2)});
  co_return stations;
}

}  // namespace airdata
