// Where a store is, from one environment variable.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::store {

enum class Dialect : std::uint8_t { kSqlite, kPostgresql };

// scheme://rest, taken apart as far as all stores have it in common.
struct StoreUrl {
  std::string scheme;  // lower case; "postgres" has become "postgresql"
  std::string rest;    // after "://", as given
  std::string text;    // the whole, as given; may hold a password
  std::string shown;   // the whole without password: for logs and errors
};

// kInvalid, naming `variable` and the supported schemes, for a text that is no URL or has another
// scheme.
Result<StoreUrl> parse_store_url(std::string_view variable, std::string_view text,
                                 std::initializer_list<std::string_view> supported);

struct DatabaseUrl {
  Dialect dialect = Dialect::kSqlite;
  std::string path;      // SQLite: of the file, absolute
  std::string conninfo;  // PostgreSQL: what libpq takes
  std::string shown;     // without password
};

// sqlite:///absolute/path (the path is taken literally, four slashes mean the same), or
// postgresql://, postgres://, as libpq has them: postgresql://user:secret@host:5432/name,
// postgresql:///name?host=/run/postgresql.
Result<DatabaseUrl> parse_database_url(std::string_view variable, std::string_view text);
Result<DatabaseUrl> database_url(const StoreUrl& url);

}  // namespace fairlead::store
