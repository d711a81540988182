#include "sql_birthdays.h"

namespace hello {

using namespace fairlead;
using io::Task;

Task<Result<std::optional<std::string>>> SqlBirthdays::find(std::string name,
                                                            io::Deadline deadline) {
  std::vector<store::Value> parameters(1, std::move(name));
  CO_TRY(const auto rows,
         co_await store_->query("SELECT birthday FROM birthday WHERE username = $1",
                                std::move(parameters), deadline));
  if (rows.empty()) co_return std::nullopt;
  co_return rows.text(0, 0);
}

Task<Result<>> SqlBirthdays::put(std::string name, std::string date, io::Deadline deadline) {
  std::vector<store::Value> parameters;
  parameters.emplace_back(std::move(name));
  parameters.emplace_back(std::move(date));
  CO_TRY([[maybe_unused]] const auto done,
         co_await store_->query("INSERT INTO birthday VALUES ($1, $2) ON CONFLICT (username) "
                                "DO UPDATE SET birthday = excluded.birthday",
                                std::move(parameters), deadline));
  co_return Result<>{};
}

}  // namespace hello
