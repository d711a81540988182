#include "store/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fairlead::store {
namespace {

TEST(DatabaseUrl, SqlitePathsAreAbsolute) {
  EXPECT_EQ(parse_database_url("X", "sqlite:///var/lib/a b.db")->path, "/var/lib/a b.db");
  EXPECT_EQ(parse_database_url("X", "sqlite:////var/lib/x.db")->path, "/var/lib/x.db");
  EXPECT_FALSE(parse_database_url("X", "sqlite://x.db"));
  EXPECT_FALSE(parse_database_url("X", "sqlite:///"));
}

TEST(DatabaseUrl, PostgresHasTwoSpellings) {
  const auto url = parse_database_url("X", "postgres://a:s3cret@h:5433/db?sslmode=disable").value();
  EXPECT_EQ(url.dialect, Dialect::kPostgresql);
  EXPECT_EQ(url.conninfo, "postgresql://a:s3cret@h:5433/db?sslmode=disable");
  EXPECT_EQ(url.shown, "postgresql://a:***@h:5433/db?sslmode=disable");
}

TEST(DatabaseUrl, PasswordsAreNotShown) {
  EXPECT_EQ(parse_database_url("X", "postgresql:///db?password=s3cret&host=/run")->shown,
            "postgresql:///db?password=***&host=/run");
}

TEST(StoreUrl, AnUnsupportedSchemeNamesTheSupportedOnes) {
  EXPECT_EQ(parse_database_url("DATABASE_URL", "mysql://h/x").error().message(),
            "DATABASE_URL has the scheme mysql://, supported are sqlite://, postgresql://");
  EXPECT_EQ(parse_database_url("DATABASE_URL", "hello").error().message(),
            "DATABASE_URL is not a URL");
}

}  // namespace
}  // namespace fairlead::store
