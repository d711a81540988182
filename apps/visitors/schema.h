// The tables of visitors, and the two statements that a visit takes.
#pragma once

#include <string>
#include <vector>

#include "store/database.h"
#include "store/migrations.h"

namespace visitors {

fairlead::store::Migrations migrations();

// Counting visits of the address $1, its first or later ones, atomically: $2 of them, and those of
// the requests whose IDs are in the JSON array $3 and were not counted before, noted at the second
// $4. The last statement gives "visits", all that the address has made, and "counted", how many are
// new.
std::vector<fairlead::store::Statement> count_visits(fairlead::store::Dialect dialect,
                                                     std::string address, std::int64_t unnamed,
                                                     std::string request_ids, std::int64_t second);
// Forgets requests noted before the second $1.
inline constexpr std::string_view kForget = "DELETE FROM visit_request WHERE second < $1";
// How many addresses have visited, without counting them.
inline constexpr std::string_view kTotal = "SELECT CAST(sum(total) AS bigint) FROM visitor_total";
// The database's own words about itself.
std::string_view database_version_query(fairlead::store::Dialect dialect);

}  // namespace visitors
