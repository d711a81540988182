#pragma once

#include "birthdays.h"
#include "store/dynamodb.h"

namespace hello {

// Items of Username (S, hash key) and Birthday (S).
class DynamoDbBirthdays final : public Birthdays {
 public:
  explicit DynamoDbBirthdays(std::unique_ptr<fairlead::store::DynamoDb> database)
      : database_(std::move(database)) {}

  fairlead::io::Task<fairlead::Result<std::optional<std::string>>> find(
      std::string name, fairlead::io::Deadline deadline) override;
  fairlead::io::Task<fairlead::Result<>> put(std::string name, std::string date,
                                             fairlead::io::Deadline deadline) override;
  fairlead::io::Task<fairlead::Result<>> ready(fairlead::io::Deadline deadline) override;
  void add_metrics(fairlead::telemetry::MetricsText& text) const override;
  fairlead::io::Task<void> close() override { co_return; }

 private:
  std::unique_ptr<fairlead::store::DynamoDb> database_;
};

}  // namespace hello
