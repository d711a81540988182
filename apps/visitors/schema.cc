#include "schema.h"

namespace visitors {

using fairlead::store::Dialect;
using fairlead::store::Script;
using fairlead::store::Statement;

namespace {

// As the program before this one made it, under its Alembic revision e75588bf2531.
constexpr Script kVisitor{.sqlite = R"sql(
      CREATE TABLE visitor (id integer NOT NULL PRIMARY KEY, ip varchar(40), visits integer);
      CREATE UNIQUE INDEX ix_visitor_ip ON visitor (ip);)sql",
                          .postgresql = R"sql(
      CREATE TABLE visitor (id serial PRIMARY KEY, ip varchar(40), visits integer);
      CREATE UNIQUE INDEX ix_visitor_ip ON visitor (ip);)sql"};

// The number of rows in visitor, kept by triggers: exact whoever writes, also the older program.
// In PostgreSQL, where many first visits may be under way at once, it is spread over 16 rows, so
// that they do not all wait for the same one; the trigger comes first, as making it keeps writers
// out until the rows that are there are counted.
constexpr Script kTotals{.sqlite = R"sql(
      CREATE TABLE visitor_total (slot integer PRIMARY KEY, total integer NOT NULL);
      INSERT INTO visitor_total SELECT 0, count(*) FROM visitor;
      CREATE TRIGGER visitor_added AFTER INSERT ON visitor
        BEGIN UPDATE visitor_total SET total = total + 1; END;
      CREATE TRIGGER visitor_removed AFTER DELETE ON visitor
        BEGIN UPDATE visitor_total SET total = total - 1; END;)sql",
                         .postgresql = R"sql(
      CREATE TABLE visitor_total (slot integer PRIMARY KEY, total bigint NOT NULL);
      INSERT INTO visitor_total SELECT slot, 0 FROM generate_series(0, 15) AS slot;
      CREATE FUNCTION visitor_counted() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            UPDATE visitor_total SET total = total + 1 WHERE slot = NEW.id & 15;
          ELSIF TG_OP = 'DELETE' THEN
            UPDATE visitor_total SET total = total - 1 WHERE slot = OLD.id & 15;
          ELSE
            UPDATE visitor_total SET total = 0;
          END IF;
          RETURN NULL;
        END $$;
      CREATE TRIGGER visitor_counted AFTER INSERT OR DELETE ON visitor
        FOR EACH ROW EXECUTE FUNCTION visitor_counted();
      CREATE TRIGGER visitor_emptied AFTER TRUNCATE ON visitor
        FOR EACH STATEMENT EXECUTE FUNCTION visitor_counted();
      UPDATE visitor_total SET total = (SELECT count(*) FROM visitor) WHERE slot = 0;)sql"};

constexpr Script kNoTotals{
    .sqlite = "DROP TRIGGER visitor_added; DROP TRIGGER visitor_removed; DROP TABLE visitor_total;",
    .postgresql = R"sql(
      DROP TRIGGER visitor_counted ON visitor;
      DROP TRIGGER visitor_emptied ON visitor;
      DROP FUNCTION visitor_counted;
      DROP TABLE visitor_total;)sql"};

// The requests of the last minute, by the ID that a proxy gave them: a request that the proxy sends
// again, as a replica died before it answered, is not counted again.
constexpr Script kRequests = Script::both(R"sql(
      CREATE TABLE visit_request (id text PRIMARY KEY, second bigint NOT NULL);
      CREATE INDEX visit_request_second ON visit_request (second);)sql");
constexpr Script kNoRequests = Script::both("DROP TABLE visit_request;");

}  // namespace

fairlead::store::Migrations migrations() {
  return {.steps = {{.version = 1, .name = "visitor", .up = kVisitor},
                    {.version = 2, .name = "visitor_total", .up = kTotals, .down = kNoTotals},
                    {.version = 3, .name = "visit_request", .up = kRequests, .down = kNoRequests}},
          .takeover = {{.revision = "e75588bf2531", .version = 1}}};
}

std::vector<Statement> count_visits(Dialect dialect, std::string address, std::int64_t unnamed,
                                    std::string request_ids, std::int64_t second) {
  std::vector<Statement> statements;
  if (dialect == Dialect::kSqlite) {
    // changes() is the number of rows that the statement before has inserted: IDs not seen before.
    statements.push_back(
        {"INSERT INTO visit_request SELECT value, $2 FROM json_each($1) "
         "WHERE true ON CONFLICT (id) DO NOTHING",
         {std::move(request_ids), second}});
    statements.push_back(
        {"INSERT INTO visitor (ip, visits) VALUES ($1, $2 + changes()) "
         "ON CONFLICT (ip) DO UPDATE "
         "SET visits = coalesce(visits, 0) + excluded.visits "
         "RETURNING visits, $2 + changes() AS counted",
         {std::move(address), unnamed}});
    return statements;
  }
  // INSERT … ON CONFLICT alone would do, but takes a number from the sequence of ids at every
  // visit: after two thousand million of them the sequence of a serial column ends.
  statements.push_back(
      {"WITH noted AS (INSERT INTO visit_request SELECT jsonb_array_elements_text($3::jsonb), "
       "$4::bigint ON CONFLICT (id) DO NOTHING RETURNING 1), "
       "new AS (SELECT ($2::bigint + (SELECT count(*) FROM noted))::integer AS counted), "
       "again AS (UPDATE visitor SET visits = coalesce(visits, 0) + (SELECT counted FROM new) "
       "WHERE ip = $1::varchar RETURNING visits), "
       "first AS (INSERT INTO visitor (ip, visits) SELECT $1::varchar, counted FROM new "
       "WHERE NOT EXISTS (SELECT 1 FROM again) ON CONFLICT (ip) "
       "DO UPDATE SET visits = coalesce(visitor.visits, 0) + excluded.visits RETURNING visits) "
       "SELECT visits, (SELECT counted FROM new) AS counted FROM again UNION ALL "
       "SELECT visits, (SELECT counted FROM new) FROM first",
       {std::move(address), unnamed, std::move(request_ids), second}});
  return statements;
}

std::string_view database_version_query(Dialect dialect) {
  return dialect == Dialect::kSqlite ? "SELECT 'SQLite ' || sqlite_version()" : "SELECT version()";
}

}  // namespace visitors
