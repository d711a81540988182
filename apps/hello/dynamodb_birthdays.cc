#include "dynamodb_birthdays.h"

#include <nlohmann/json.hpp>

namespace hello {

using namespace fairlead;
using io::Task;

Task<Result<std::optional<std::string>>> DynamoDbBirthdays::find(std::string name,
                                                                 io::Deadline deadline) {
  const nlohmann::json question = {{"TableName", database_->table()},
                                   {"Key", {{"Username", {{"S", name}}}}},
                                   {"ConsistentRead", true}};
  CO_TRY(const auto text, co_await database_->call("GetItem", question.dump(), deadline));
  const auto answer = nlohmann::json::parse(text, nullptr, false);
  if (!answer.is_object())
    co_return fail(Code::kUnavailable, "DynamoDB: the answer is not understood");
  if (!answer.contains("Item")) co_return std::nullopt;
  const nlohmann::json::json_pointer birthday("/Item/Birthday/S");
  if (!answer.contains(birthday) || !answer[birthday].is_string())
    co_return fail(Code::kUnavailable, "DynamoDB: the item has no Birthday");
  co_return answer[birthday].get<std::string>();
}

Task<Result<>> DynamoDbBirthdays::put(std::string name, std::string date, io::Deadline deadline) {
  const nlohmann::json question = {
      {"TableName", database_->table()},
      {"Item", {{"Username", {{"S", name}}}, {"Birthday", {{"S", date}}}}}};
  CO_TRY([[maybe_unused]] const auto answer,
         co_await database_->call("PutItem", question.dump(), deadline));
  co_return Result<>{};
}

Task<Result<>> DynamoDbBirthdays::ready(io::Deadline deadline) {
  const nlohmann::json question = {{"TableName", database_->table()}};
  CO_TRY([[maybe_unused]] const auto answer,
         co_await database_->call("DescribeTable", question.dump(), deadline));
  co_return Result<>{};
}

void DynamoDbBirthdays::add_metrics(telemetry::MetricsText& text) const {
  text.counter("store_requests", "Requests sent to DynamoDB.");
  text.sample(database_->stats().requests);
  text.counter("store_failures", "Requests that failed.");
  text.sample(database_->stats().failed);
}

}  // namespace hello
