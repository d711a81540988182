#include "schema.h"

#include "service/service.h"

namespace airdata {

using namespace fairlead;

namespace {

// The key gives the time order; the second index finds a station's rows. data_version changes with
// every load that changes a row: validators of HTTP are made from it.
constexpr store::Script kTables{.sqlite = R"sql(
      CREATE TABLE air_quality (time_us integer NOT NULL, id_entity text NOT NULL, so2 real, no2 real,
                                co real, o3 real, pm10 real, pm2_5 real,
                                PRIMARY KEY (time_us, id_entity)) WITHOUT ROWID;
      CREATE INDEX air_quality_station ON air_quality (id_entity, time_us);
      CREATE TABLE data_version (version integer NOT NULL, changed_us integer NOT NULL);
      INSERT INTO data_version VALUES (0, CAST(unixepoch() AS integer) * 1000000);)sql",
                                .postgresql = R"sql(
      CREATE TABLE air_quality (time_us bigint NOT NULL, id_entity text COLLATE "C" NOT NULL,
                                so2 float8, no2 float8, co float8, o3 float8, pm10 float8,
                                pm2_5 float8, PRIMARY KEY (time_us, id_entity));
      CREATE INDEX air_quality_station ON air_quality (id_entity, time_us);
      CREATE TABLE data_version (version bigint NOT NULL, changed_us bigint NOT NULL);
      INSERT INTO data_version
        VALUES (0, (extract(epoch FROM date_trunc('second', now())) * 1000000)::bigint);)sql"};

constexpr store::Script kNoTables =
    store::Script::both("DROP TABLE data_version; DROP TABLE air_quality;");

}  // namespace

store::Migrations migrations() {
  return {.steps = {{.version = 1, .name = "air_quality", .up = kTables, .down = kNoTables}}};
}

Result<std::optional<store::DatabaseUrl>> database(const service::Environment& environment) {
  TRY(auto url, service::database_from_environment(environment));
  if (!url)
    return fail(Error(Code::kInvalid, "DATABASE_URL is not set")
                    .hint("set it to sqlite:///absolute/path or postgresql://…"));
  return url;
}

}  // namespace airdata
