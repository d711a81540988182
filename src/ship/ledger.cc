#include "ship/ledger.h"

#include <fmt/format.h>

#include "store/migrations.h"

namespace fairlead::ship {

namespace {

using store::Rows;
using store::Statement;
using store::Value;

// Records are kept as the JSON that the API shows; columns beside it are what is asked for. So a
// new field needs no migration.
constexpr std::string_view kSchema = R"(
CREATE TABLE build_number(app TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE build(app TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY(app, number));
CREATE TABLE release(app TEXT NOT NULL, environment TEXT NOT NULL, number INTEGER NOT NULL, record TEXT NOT NULL,
                     PRIMARY KEY(app, environment, number));
CREATE TABLE live(app TEXT NOT NULL, environment TEXT NOT NULL, number INTEGER NOT NULL,
                  PRIMARY KEY(app, environment));
CREATE TABLE deployment(id INTEGER PRIMARY KEY AUTOINCREMENT, app TEXT NOT NULL, environment TEXT NOT NULL,
                        running INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX deployment_of ON deployment(app, environment, id);
CREATE INDEX deployment_running ON deployment(running) WHERE running = 1;
CREATE TABLE lease(app TEXT NOT NULL, environment TEXT NOT NULL, deployment INTEGER NOT NULL, holder TEXT NOT NULL,
                   expires_ms INTEGER NOT NULL, PRIMARY KEY(app, environment));
CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
)";

const store::Migrations& migrations() {
  static const store::Migrations all{{{1, "builds, releases, deployments", {kSchema, ""}}}};
  return all;
}

io::Deadline soon() { return io::Deadline::in(10s); }

std::int64_t milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
std::int64_t expiry(Duration lease) { return milliseconds(wall_now() + lease); }

// The records in the first column of all rows.
template <typename T, typename FromJson>
Result<std::vector<T>> records(const Rows& rows, FromJson from_json) {
  std::vector<T> all;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    TRY(T record, from_json(rows.text(row, 0)));
    all.push_back(std::move(record));
  }
  return all;
}

Value number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(io::Loop& loop, const std::filesystem::path& file) {
  TRY(const auto url,
      store::parse_database_url("the ledger", fmt::format("sqlite://{}", file.string())));
  TRY_VOID(store::migrate_up(url, migrations()));
  return std::unique_ptr<Ledger>(new Ledger(store::open_database(loop, url)));
}

// ---- builds

io::Task<Result<unsigned>> Ledger::next_build_number(std::string app) {
  CO_TRY(const Rows rows,
         co_await database_->query("INSERT INTO build_number(app, last) VALUES($1, 1) "
                                   "ON CONFLICT(app) DO UPDATE SET last = last + 1 RETURNING last",
                                   {app}, soon()));
  co_return static_cast<unsigned>(rows.integer(0, 0));
}

io::Task<Result<>> Ledger::add_build(Build build) {
  CO_TRY_VOID(co_await database_->query("INSERT INTO build(app, number, record) VALUES($1, $2, $3)",
                                        {build.app, number(build.number), to_json(build)}, soon()));
  co_return Result<>();
}

io::Task<Result<std::vector<Build>>> Ledger::builds(std::string app, unsigned most) {
  CO_TRY(const Rows rows,
         co_await database_->query(
             "SELECT record FROM build WHERE app = $1 ORDER BY number DESC LIMIT $2",
             {app, number(most)}, soon()));
  co_return records<Build>(rows, control::build_from_json);
}

// ---- releases

io::Task<Result<Release>> Ledger::add_release(Release release) {
  const auto& name = release.environment;
  // The number is part of the record: taken first, and kept by the primary key should another call
  // take the same.
  CO_TRY(const Rows last,
         co_await database_->query(
             "SELECT coalesce(max(number), 0) FROM release WHERE app = $1 AND environment = $2",
             {name.app, name.environment}, soon()));
  release.number = static_cast<unsigned>(last.integer(0, 0)) + 1;
  CO_TRY_VOID(co_await database_->query(
      "INSERT INTO release(app, environment, number, record) VALUES($1, $2, $3, $4)",
      {name.app, name.environment, number(release.number), to_json(release)}, soon()));
  co_return release;
}

io::Task<Result<>> Ledger::note_schema(Release release) {
  const auto& name = release.environment;
  CO_TRY_VOID(co_await database_->query(
      "UPDATE release SET record = $1 WHERE app = $2 AND environment = $3 AND number = $4",
      {to_json(release), name.app, name.environment, number(release.number)}, soon()));
  co_return Result<>();
}

io::Task<Result<Release>> Ledger::release(EnvironmentName environment, unsigned wanted) {
  CO_TRY(const Rows rows,
         co_await database_->query(
             "SELECT record FROM release WHERE app = $1 AND environment = $2 AND number = $3",
             {environment.app, environment.environment, number(wanted)}, soon()));
  if (!rows.empty()) co_return control::release_from_json(rows.text(0, 0));
  CO_TRY(const Rows range,
         co_await database_->query(
             "SELECT min(number), max(number) FROM release WHERE app = $1 AND environment = $2",
             {environment.app, environment.environment}, soon()));
  const std::string there =
      range.is_null(0, 0)
          ? "it has none yet"
          : fmt::format("it has v{} to v{}", range.integer(0, 0), range.integer(0, 1));
  co_return fail(
      Error(Code::kNotFound,
            fmt::format("{} has no release v{}: {}", environment.to_string(), wanted, there))
          .hint(fmt::format("'fairlead releases -e {}' lists them", environment.environment)));
}

io::Task<Result<std::vector<Release>>> Ledger::releases(EnvironmentName environment,
                                                        unsigned most) {
  CO_TRY(const Rows rows, co_await database_->query(
                              "SELECT record FROM release WHERE app = $1 AND environment = $2 "
                              "ORDER BY number DESC LIMIT $3",
                              {environment.app, environment.environment, number(most)}, soon()));
  co_return records<Release>(rows, control::release_from_json);
}

io::Task<Result<std::optional<Release>>> Ledger::live(EnvironmentName environment) {
  CO_TRY(const Rows rows,
         co_await database_->query(
             "SELECT record FROM release NATURAL JOIN live WHERE app = $1 AND environment = $2",
             {environment.app, environment.environment}, soon()));
  if (rows.empty()) co_return std::optional<Release>();
  CO_TRY(Release release, control::release_from_json(rows.text(0, 0)));
  co_return release;
}

io::Task<Result<std::vector<EnvironmentName>>> Ledger::environments() {
  CO_TRY(const Rows rows,
         co_await database_->query("SELECT app, environment FROM live ORDER BY app, environment",
                                   {}, soon()));
  std::vector<EnvironmentName> names;
  for (std::size_t row = 0; row < rows.size(); ++row)
    names.push_back({rows.text(row, 0), rows.text(row, 1)});
  co_return names;
}

io::Task<Result<std::vector<Release>>> Ledger::pinned(unsigned spare) {
  CO_TRY(const Rows rows,
         co_await database_->query(
             "SELECT record FROM (SELECT record, app, environment, number, row_number() OVER "
             "  (PARTITION BY app, environment ORDER BY (number = coalesce((SELECT l.number FROM "
             "live l "
             "     WHERE l.app = r.app AND l.environment = r.environment), -1)) DESC, number DESC) "
             "AS place FROM release r) "
             "WHERE place <= $1 + 1 ORDER BY app, environment, number",
             {number(spare)}, soon()));
  co_return records<Release>(rows, control::release_from_json);
}

// ---- deployments

io::Task<Result<Deployment>> Ledger::begin(Deployment deployment, Duration lease) {
  const auto& name = deployment.environment;
  const std::int64_t now_ms = milliseconds(wall_now());
  std::vector<Statement> statements;
  // The row is made only if the lease was free or has expired; the lease then points at it.
  statements.push_back(
      {"INSERT INTO deployment(app, environment, running, record) SELECT $1, $2, 1, '' WHERE NOT "
       "EXISTS "
       "(SELECT 1 FROM lease WHERE app = $1 AND environment = $2 AND expires_ms > $3) RETURNING id",
       {name.app, name.environment, now_ms}});
  statements.push_back(
      {"INSERT INTO lease(app, environment, deployment, holder, expires_ms) "
       "SELECT $1, $2, max(id), $3, $4 FROM deployment WHERE app = $1 AND environment = $2 AND "
       "record = '' "
       "HAVING max(id) IS NOT NULL ON CONFLICT(app, environment) DO UPDATE SET "
       "deployment = excluded.deployment, holder = excluded.holder, expires_ms = "
       "excluded.expires_ms",
       {name.app, name.environment, deployment.by, expiry(lease)}});
  statements.push_back(
      {"SELECT holder, expires_ms, deployment FROM lease WHERE app = $1 AND environment = $2",
       {name.app, name.environment}});
  CO_TRY(const auto results, co_await database_->transaction(std::move(statements), soon()));
  if (results[0].empty()) {
    const auto left = std::chrono::milliseconds(results[2].integer(0, 1) - now_ms);
    co_return fail(
        Error(Code::kExists,
              fmt::format("{} is being deployed by {} (deployment {}, its lease ends in {})",
                          name.to_string(), results[2].text(0, 0), results[2].integer(0, 2),
                          human(left)))
            .hint("wait for it; a lease that is not renewed ends by itself"));
  }
  deployment.id = static_cast<std::uint64_t>(results[0].integer(0, 0));
  CO_TRY_VOID(co_await note(deployment, lease));
  co_return deployment;
}

io::Task<Result<>> Ledger::note(Deployment deployment, Duration lease) {
  const auto& name = deployment.environment;
  std::vector<Statement> statements;
  statements.push_back(
      {"UPDATE lease SET expires_ms = $1 WHERE app = $2 AND environment = $3 AND deployment = $4",
       {expiry(lease), name.app, name.environment, number(deployment.id)}});
  statements.push_back({"UPDATE deployment SET record = $1 WHERE id = $2",
                        {to_json(deployment), number(deployment.id)}});
  CO_TRY(const auto results, co_await database_->transaction(std::move(statements), soon()));
  if (results[0].affected == 0)
    co_return fail(Code::kNotFound, fmt::format("deployment {} lost its lease on {}", deployment.id,
                                                name.to_string()));
  co_return Result<>();
}

io::Task<Result<>> Ledger::finish(Deployment deployment) {
  const auto& name = deployment.environment;
  std::vector<Statement> statements;
  statements.push_back({"UPDATE deployment SET record = $1, running = 0 WHERE id = $2",
                        {to_json(deployment), number(deployment.id)}});
  statements.push_back({"DELETE FROM lease WHERE app = $1 AND environment = $2 AND deployment = $3",
                        {name.app, name.environment, number(deployment.id)}});
  if (deployment.state == control::DeploymentState::kSucceeded)
    statements.push_back(
        {"INSERT INTO live(app, environment, number) VALUES($1, $2, $3) "
         "ON CONFLICT(app, environment) DO UPDATE SET number = excluded.number",
         {name.app, name.environment, number(deployment.to)}});
  CO_TRY_VOID(co_await database_->transaction(std::move(statements), soon()));
  co_return Result<>();
}

io::Task<Result<std::vector<Deployment>>> Ledger::unfinished() {
  // A row without a record: control ended between the two steps of begin(), before anything was
  // done.
  CO_TRY_VOID(co_await database_->query("DELETE FROM deployment WHERE record = ''", {}, soon()));
  CO_TRY(const Rows rows,
         co_await database_->query("SELECT record FROM deployment WHERE running = 1 ORDER BY id",
                                   {}, soon()));
  co_return records<Deployment>(rows, control::deployment_from_json);
}

io::Task<Result<std::vector<Deployment>>> Ledger::deployments(EnvironmentName environment,
                                                              unsigned most) {
  CO_TRY(const Rows rows, co_await database_->query(
                              "SELECT record FROM deployment WHERE app = $1 AND environment = $2 "
                              "AND record <> '' ORDER BY id DESC LIMIT $3",
                              {environment.app, environment.environment, number(most)}, soon()));
  co_return records<Deployment>(rows, control::deployment_from_json);
}

// ---- audit

io::Task<Result<>> Ledger::audit(control::AuditEntry entry) {
  CO_TRY_VOID(
      co_await database_->query("INSERT INTO audit(record) VALUES($1)", {to_json(entry)}, soon()));
  co_return Result<>();
}

io::Task<Result<std::vector<control::AuditEntry>>> Ledger::audit_log(unsigned most) {
  CO_TRY(const Rows rows,
         co_await database_->query("SELECT record FROM audit ORDER BY id DESC LIMIT $1",
                                   {number(most)}, soon()));
  co_return records<control::AuditEntry>(rows, control::audit_entry_from_json);
}

}  // namespace fairlead::ship
