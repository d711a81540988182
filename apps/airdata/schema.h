#pragma once

#include "service/environment.h"
#include "store/migrations.h"

namespace airdata {

// Times are kept as microseconds: both databases order, compare and page by them alike.
fairlead::store::Migrations migrations();
// kInvalid without DATABASE_URL.
fairlead::Result<std::optional<fairlead::store::DatabaseUrl>> database(
    const fairlead::service::Environment& environment);

// Rows that are there with other values are brought to the new ones; the others stay untouched.
inline constexpr std::string_view kUpsertTail =
    "ON CONFLICT (time_us, id_entity) DO UPDATE SET so2 = excluded.so2, no2 = excluded.no2, "
    "co = excluded.co, o3 = excluded.o3, pm10 = excluded.pm10, pm2_5 = excluded.pm2_5 "
    "WHERE (air_quality.so2, air_quality.no2, air_quality.co, air_quality.o3, air_quality.pm10, "
    "air_quality.pm2_5) IS DISTINCT FROM (excluded.so2, excluded.no2, excluded.co, excluded.o3, "
    "excluded.pm10, excluded.pm2_5)";

}  // namespace airdata
