// The one face of SQLite and PostgreSQL that services see: statements in, rows out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/task.h"
#include "store/stats.h"
#include "store/url.h"

namespace fairlead::store {

// NULL, integers (and booleans as 0 and 1), floating point, text; every other type comes as its
// text.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

struct Statement {
  std::string sql;  // placeholders are $1, $2, … in both databases
  std::vector<Value> parameters = {};
};

// What one statement gave.
class Rows {
 public:
  std::vector<std::string> columns;
  std::vector<Value> cells;    // row after row
  std::uint64_t affected = 0;  // rows inserted, updated or deleted

  std::size_t size() const { return columns.empty() ? 0 : cells.size() / columns.size(); }
  bool empty() const { return cells.empty(); }
  const Value& at(std::size_t row, std::size_t column) const {
    return cells[row * columns.size() + column];
  }
  bool is_null(std::size_t row, std::size_t column) const {
    return std::holds_alternative<std::monostate>(at(row, column));
  }
  std::int64_t integer(std::size_t row, std::size_t column) const;  // 0 for what is no number
  double real(std::size_t row, std::size_t column) const;           // 0 for what is no number
  std::string text(std::size_t row, std::size_t column) const;      // "" for NULL
};

// A database, used from one loop's thread. Any number of calls may be in flight; what they do is
// durable when they return. Errors: kUnavailable (down, locked, full; nothing was changed unless
// the text says that it is not known), kTimeout (the deadline passed: it is not known whether a
// change was made), kExists (a unique key), kNotFound (no such table), kInvalid (other errors in
// the SQL).
class Database {
 public:
  virtual ~Database() = default;

  // All statements in one transaction: either all took effect, or none. Gives the rows of each.
  virtual io::Task<Result<std::vector<Rows>>> transaction(std::vector<Statement> statements,
                                                          io::Deadline deadline) = 0;
  // One statement in a transaction of its own.
  io::Task<Result<Rows>> query(std::string sql, std::vector<Value> parameters,
                               io::Deadline deadline);

  virtual Dialect dialect() const = 0;
  virtual Stats stats() const = 0;
  // How often it made something durable. Where many transactions share a commit, fewer than these.
  virtual std::uint64_t commits() const = 0;
  // Before destruction, when no call is in flight any more.
  virtual io::Task<void> close() = 0;
};

struct DatabaseOptions {
  std::size_t max_connections = 8;  // PostgreSQL; opened as the load asks for them
  Duration statement_timeout = 5s;  // PostgreSQL cancels, and SQLite gives up waiting for its lock
};

// Does not wait for the database: while it cannot be reached, calls fail with kUnavailable and the
// reason. An SQLite file must exist (migrations make it).
std::unique_ptr<Database> open_database(io::Loop& loop, const DatabaseUrl& url,
                                        DatabaseOptions options = {});

}  // namespace fairlead::store
