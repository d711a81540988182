// Numbered steps of a database's schema, applied once each, whoever asks and however often.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/deadline.h"
#include "io/task.h"
#include "store/database.h"
#include "store/url.h"

namespace fairlead::store {

// A script for each database; statements separated by semicolons, no parameters.
struct Script {
  std::string_view sqlite;
  std::string_view postgresql;

  static constexpr Script both(std::string_view sql) { return {sql, sql}; }
  std::string_view of(Dialect dialect) const {
    return dialect == Dialect::kSqlite ? sqlite : postgresql;
  }
};

// A step is applied, and noted in the table schema_migrations, in one transaction. Once released it
// never changes: what it got wrong is another step's work.
struct Migration {
  int version;  // 1, 2, …: ascending, none left out
  std::string_view name;
  Script up;
  Script down = {};  // empty: cannot be undone
};

// A database made by a program that used Alembic: its table alembic_version holding `revision`
// means that the steps up to `version` are there.
struct Takeover {
  std::string_view revision;
  int version;
};

struct Migrations {
  std::vector<Migration> steps;
  std::optional<Takeover> takeover = {};

  int latest() const { return steps.empty() ? 0 : steps.back().version; }
};

struct MigrationState {
  struct Step {
    int version;
    std::string name;
    std::string applied_at;  // "" when it is not applied
  };
  std::vector<Step> steps;  // the program's, then those that only the database knows
  int version = 0;          // highest applied

  std::vector<int> changed = {};  // by this call: applied, or undone, in order
};

// All block. Processes that migrate the same database at once wait for each other (SQLite: BEGIN
// IMMEDIATE, PostgreSQL: an advisory lock) and each finds what the other did. An SQLite file is
// made when it is missing. A step that fails leaves nothing of itself, and the steps before it
// applied.
Result<MigrationState> migrate_up(const DatabaseUrl& url, const Migrations& migrations);
// Undoes the last applied step; kInvalid if it cannot be undone or is not one of `migrations`.
Result<MigrationState> migrate_down(const DatabaseUrl& url, const Migrations& migrations);
// Changes nothing, also where there is no database yet.
Result<MigrationState> migration_state(const DatabaseUrl& url, const Migrations& migrations);

// For readiness: kUnavailable, saying which step is missing, unless the schema is at `version` or
// past it.
io::Task<Result<>> check_schema(Database& database, int version, io::Deadline deadline);

}  // namespace fairlead::store
