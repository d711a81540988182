#include <fmt/format.h>

#include "schema.h"
#include "sink.h"
#include "store/sqlite_connection.h"

namespace airdata {

using namespace fairlead;
using store::SqliteConnection;

namespace {

class SqliteSink final : public Sink {
 public:
  explicit SqliteSink(std::unique_ptr<SqliteConnection> connection)
      : connection_(std::move(connection)),
        insert_{fmt::format("INSERT INTO air_quality VALUES ($1, $2, $3, $4, $5, $6, $7, $8) {}",
                            kUpsertTail),
                std::vector<store::Value>(2 + kValues.size())} {}

  Result<> add(const Measurement& row) override {
    insert_.parameters[0] = row.time;
    insert_.parameters[1] = row.station;
    for (std::size_t i = 0; i < kValues.size(); ++i) {
      if (row.values[i]) {
        insert_.parameters[i + 2] = *row.values[i];
      } else {
        insert_.parameters[i + 2] = std::monostate();
      }
    }
    TRY(const auto done, connection_->run(insert_));
    changed_ += done.affected;
    return {};
  }

  Result<std::uint64_t> commit() override {
    if (changed_ > 0)
      TRY_VOID(connection_->execute(fmt::format(
          "UPDATE data_version SET version = version + 1, changed_us = {}", change_time())));
    TRY_VOID(connection_->execute("COMMIT"));
    return changed_;
  }

 private:
  std::unique_ptr<SqliteConnection> connection_;
  store::Statement insert_;
  std::uint64_t changed_ = 0;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_sqlite_sink(const std::string& path) {
  TRY(auto connection, SqliteConnection::open(path, SqliteConnection::Missing::kFails, 60s));
  TRY_VOID(connection->execute("BEGIN IMMEDIATE"));
  return std::make_unique<SqliteSink>(std::move(connection));
}

}  // namespace airdata
