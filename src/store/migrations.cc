#include "store/migrations.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "store/script_runner.h"

namespace fairlead::store {

namespace {

constexpr const char* kTable = "schema_migrations";

// The table is made under the lock, like everything else.
Result<> prepare_table(ScriptRunner& runner, const Migrations& migrations) {
  TRY(const bool there, runner.has_table(kTable));
  if (there) return {};
  TRY_VOID(runner.execute(
      "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL, "
      "applied_at text NOT NULL)"));
  TRY(const bool alembic, runner.has_table("alembic_version"));
  if (!alembic || !migrations.takeover) return {};
  TRY(const auto revisions, runner.column("SELECT version_num FROM alembic_version"));
  const auto& takeover = *migrations.takeover;
  if (revisions != std::vector<std::string>{std::string(takeover.revision)})
    return fail(
        Error(Code::kInvalid,
              fmt::format("the database is at Alembic revision {}, only {} can be taken over",
                          revisions.empty() ? "(none)" : revisions[0], takeover.revision))
            .hint("bring it to that revision with the program that made it"));
  for (const auto& step : migrations.steps)
    if (step.version <= takeover.version)
      TRY_VOID(runner.execute(fmt::format(
          "INSERT INTO schema_migrations VALUES ({}, '{} (taken over from Alembic)', '{}')",
          step.version, step.name, rfc3339(wall_now()))));
  return {};
}

Result<MigrationState> read_state(ScriptRunner& runner, const Migrations& migrations) {
  MigrationState state;
  for (const auto& step : migrations.steps)
    state.steps.push_back({step.version, std::string(step.name), {}});
  TRY(const bool there, runner.has_table(kTable));
  if (!there) return state;
  // One column for both databases' sake: version, time, name.
  TRY(const auto applied,
      runner.column("SELECT version || ' ' || applied_at || ' ' || name FROM schema_migrations "
                    "ORDER BY version"));
  for (const auto& line : applied) {
    const auto parts = split(line, ' ');
    const auto version = static_cast<int>(parse_unsigned(parts.at(0)).value_or(0));
    auto step = std::ranges::find(state.steps, version, &MigrationState::Step::version);
    if (step == state.steps.end())
      step = state.steps.insert(step, {version, std::string(parts.at(2)), {}});
    step->applied_at = parts.at(1);
    state.version = std::max(state.version, version);
  }
  return state;
}

// Runs `change` under the lock, in a transaction, and commits it unless it failed.
template <typename Change>
Result<> locked(ScriptRunner& runner, Change change) {
  TRY_VOID(runner.begin_locked());
  Result<> changed = change();
  if (changed) changed = runner.execute("COMMIT");
  if (!changed) (void)runner.execute("ROLLBACK");
  return changed;
}

std::string describe(const Migration& step) {
  return fmt::format("migration {} ({})", step.version, step.name);
}

// Applies the first missing step; gives its version, or 0 when there is none.
Result<int> apply_next(ScriptRunner& runner, const Migrations& migrations, Dialect dialect) {
  TRY_VOID(prepare_table(runner, migrations));
  TRY(const auto state, read_state(runner, migrations));
  for (std::size_t i = 0; i < migrations.steps.size(); ++i) {
    const auto& step = migrations.steps[i];
    if (!state.steps[i].applied_at.empty()) continue;
    if (auto done = runner.execute(std::string(step.up.of(dialect))); !done)
      return fail(std::move(done).error().in(describe(step)));
    TRY_VOID(runner.execute(fmt::format("INSERT INTO schema_migrations VALUES ({}, '{}', '{}')",
                                        step.version, step.name, rfc3339(wall_now()))));
    return step.version;
  }
  return 0;
}

Result<int> undo_last(ScriptRunner& runner, const Migrations& migrations, Dialect dialect) {
  TRY(const auto state, read_state(runner, migrations));
  if (state.version == 0) return fail(Code::kInvalid, "there is nothing to undo");
  const auto step = std::ranges::find(migrations.steps, state.version, &Migration::version);
  if (step == migrations.steps.end())
    return fail(Code::kInvalid,
                fmt::format("migration {} was applied by a later version of this program, which "
                            "alone can undo it",
                            state.version));
  const auto script = step->down.of(dialect);
  if (script.empty())
    return fail(Error(Code::kInvalid, fmt::format("{} cannot be undone", describe(*step)))
                    .hint("restore a backup made before it"));
  if (auto done = runner.execute(std::string(script)); !done)
    return fail(std::move(done).error().in(fmt::format("undoing {}", describe(*step))));
  TRY_VOID(runner.execute(
      fmt::format("DELETE FROM schema_migrations WHERE version = {}", step->version)));
  return step->version;
}

}  // namespace

Result<MigrationState> migrate_up(const DatabaseUrl& url, const Migrations& migrations) {
  TRY(const auto runner, open_script_runner(url, true));
  std::vector<int> changed;
  for (int version = -1; version != 0;) {
    TRY_VOID(locked(*runner, [&]() -> Result<> {
      TRY(version, apply_next(*runner, migrations, url.dialect));
      return {};
    }));
    if (version != 0) changed.push_back(version);
  }
  TRY(auto state, read_state(*runner, migrations));
  state.changed = std::move(changed);
  return state;
}

Result<MigrationState> migrate_down(const DatabaseUrl& url, const Migrations& migrations) {
  TRY(const auto runner, open_script_runner(url, false));
  int version = 0;
  TRY_VOID(locked(*runner, [&]() -> Result<> {
    TRY(version, undo_last(*runner, migrations, url.dialect));
    return {};
  }));
  TRY(auto state, read_state(*runner, migrations));
  state.changed = {version};
  return state;
}

Result<MigrationState> migration_state(const DatabaseUrl& url, const Migrations& migrations) {
  const auto runner = open_script_runner(url, false);
  if (runner) return read_state(**runner, migrations);
  if (runner.error().code() != Code::kNotFound) return fail(runner.error());
  MigrationState state;
  for (const auto& step : migrations.steps)
    state.steps.push_back({step.version, std::string(step.name), {}});
  return state;
}

io::Task<Result<>> check_schema(Database& database, int version, io::Deadline deadline) {
  auto found = co_await database.query("SELECT coalesce(max(version), 0) FROM schema_migrations",
                                       {}, deadline);
  if (!found && found.error().code() != Code::kNotFound) co_return fail(found.error());
  const auto there = found ? found->integer(0, 0) : 0;
  if (there < version)
    co_return fail(
        Error(Code::kUnavailable,
              fmt::format("the schema is at version {}, version {} is needed", there, version))
            .hint("run the program's 'migrate'"));
  co_return Result<>{};
}

}  // namespace fairlead::store
