#include "store/database.h"

#include <fmt/format.h>

#include <charconv>

#include "store/postgres.h"
#include "store/sqlite.h"

namespace fairlead::store {

namespace {

template <typename Number>
Number number_of(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<Number>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return static_cast<Number>(*real);
  Number number = 0;
  if (const auto* text = std::get_if<std::string>(&value))
    std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  return number_of<std::int64_t>(at(row, column));
}

double Rows::real(std::size_t row, std::size_t column) const {
  return number_of<double>(at(row, column));
}

std::string Rows::text(std::size_t row, std::size_t column) const {
  const Value& value = at(row, column);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
  return {};
}

io::Task<Result<Rows>> Database::query(std::string sql, std::vector<Value> parameters,
                                       io::Deadline deadline) {
  std::vector<Statement> statements;
  statements.push_back({std::move(sql), std::move(parameters)});
  CO_TRY(auto results, co_await transaction(std::move(statements), deadline));
  co_return std::move(results.front());
}

std::unique_ptr<Database> open_database(io::Loop& loop, const DatabaseUrl& url,
                                        DatabaseOptions options) {
  if (url.dialect == Dialect::kPostgresql)
    return std::make_unique<Postgres>(loop, url.conninfo, options);
  return std::make_unique<Sqlite>(loop, url.path, options);
}

}  // namespace fairlead::store
