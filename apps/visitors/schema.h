// The tables of visitors, and the two statements that a visit takes.
#pragma once

#include "store/migrations.h"

namespace visitors {

fairlead::store::Migrations migrations();

// Counts $2 visits of the address $1, its first or later ones, atomically; gives "visits", all that
// the address has made.
std::string_view count_visits(fairlead::store::Dialect dialect);
// How many addresses have visited, without counting them.
inline constexpr std::string_view kTotal = "SELECT CAST(sum(total) AS bigint) FROM visitor_total";
// The database's own words about itself.
std::string_view database_version_query(fairlead::store::Dialect dialect);

}  // namespace visitors
