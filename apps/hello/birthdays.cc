#include "birthdays.h"

#include "dynamodb_birthdays.h"
#include "redis_birthdays.h"
#include "sql_birthdays.h"

namespace hello {

using namespace fairlead;

namespace {

Result<store::StoreUrl> store_url(const service::Environment& environment) {
  const auto text = environment.find("DATABASE_URL");
  if (!text)
    return fail(Error(Code::kInvalid, "DATABASE_URL is not set")
                    .hint("set it to dynamodb://TABLE?region=R, sqlite:///absolute/path, "
                          "postgresql://… or redis://…"));
  return store::parse_store_url("DATABASE_URL", *text,
                                {"dynamodb", "sqlite", "postgresql", "redis", "unix"});
}

bool is_sql(const store::StoreUrl& url) {
  return url.scheme == "sqlite" || url.scheme == "postgresql";
}

}  // namespace

Result<std::unique_ptr<Birthdays>> open_birthdays(io::Loop& loop,
                                                  const service::Environment& environment) {
  TRY(const auto url, store_url(environment));
  if (is_sql(url)) {
    TRY(const auto where, store::database_url(url));
    return std::make_unique<SqlBirthdays>(loop, where, migrations().latest());
  }
  if (url.scheme == "dynamodb") {
    const auto region = environment.get("AWS_REGION", environment.get("AWS_DEFAULT_REGION", ""));
    TRY(auto where, store::dynamodb_url(url, region));
    TRY(auto database, store::DynamoDb::create(loop, std::move(where),
                                               {environment.get("AWS_ACCESS_KEY_ID", ""),
                                                environment.get("AWS_SECRET_ACCESS_KEY", ""),
                                                environment.get("AWS_SESSION_TOKEN", "")}));
    return std::make_unique<DynamoDbBirthdays>(std::move(database));
  }
  TRY(auto where, store::redis_url(url));
  return std::make_unique<RedisBirthdays>(loop, std::move(where));
}

store::Migrations migrations() {
  return {.steps = {{.version = 1,
                     .name = "birthday",
                     .up = store::Script::both("CREATE TABLE birthday (username text PRIMARY KEY, "
                                               "birthday text NOT NULL);"),
                     .down = {}}}};
}

Result<std::optional<store::DatabaseUrl>> database(const service::Environment& environment) {
  TRY(const auto url, store_url(environment));
  if (!is_sql(url)) return std::nullopt;
  TRY(auto where, store::database_url(url));
  return where;
}

}  // namespace hello
