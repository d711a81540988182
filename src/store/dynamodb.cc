#include "store/dynamodb.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "io/sync.h"
#include "store/backoff.h"

namespace fairlead::store {

namespace {

constexpr int kAttempts = 3;
constexpr Duration kAttemptTimeout = 2s;

// What an answer other than 200 says: {"__type":"…#ResourceNotFoundException","message":"…"}.
Error error_of(const http::Response& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  std::string type, message;
  if (json.is_object()) {
    type = json.value("__type", "");
    type = type.substr(type.find('#') + 1);
    message = json.value("message", json.value("Message", ""));
  }
  Code code = response.status >= 500 ? Code::kUnavailable : Code::kInvalid;
  if (type == "ResourceNotFoundException") code = Code::kNotFound;
  for (const std::string_view denied :
       {"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
        "IncompleteSignatureException", "MissingAuthenticationTokenException",
        "ExpiredTokenException"})
    if (type == denied) code = Code::kDenied;
  for (const std::string_view passing :
       {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
        "LimitExceededException", "InternalServerError"})
    if (type == passing) code = Code::kUnavailable;
  return Error(code, fmt::format("DynamoDB: {} {}{}{}", response.status, type,
                                 message.empty() ? "" : ": ", message));
}

}  // namespace

Result<DynamoDbUrl> dynamodb_url(const StoreUrl& url, const std::string& default_region) {
  const auto wrong = [&] {
    return fail(Error(Code::kInvalid, fmt::format("{} is not understood", url.shown))
                    .hint("write dynamodb://TABLE?region=eu-central-1"));
  };
  const auto question = url.rest.find('?');
  DynamoDbUrl found{
      .table = url.rest.substr(0, question), .region = default_region, .endpoint = {}};
  while (found.table.ends_with('/')) found.table.pop_back();
  std::string endpoint;
  const auto query = question == std::string::npos ? std::string() : url.rest.substr(question + 1);
  for (const auto part : split(query, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return wrong();
    TRY(auto value, http::percent_decode(part.substr(equals + 1)));
    const auto name = part.substr(0, equals);
    if (name != "region" && name != "endpoint") return wrong();
    (name == "region" ? found.region : endpoint) = std::move(value);
  }
  if (found.table.empty() || found.region.empty()) return wrong();
  if (endpoint.empty()) endpoint = fmt::format("https://dynamodb.{}.amazonaws.com", found.region);
  TRY(found.endpoint, http::parse_url("the endpoint in DATABASE_URL", endpoint));
  return found;
}

Result<std::unique_ptr<DynamoDb>> DynamoDb::create(io::Loop& loop, DynamoDbUrl url,
                                                   AwsCredentials credentials) {
  auto endpoint = url.endpoint;
  std::unique_ptr<DynamoDb> made(new DynamoDb(loop, std::move(url), std::move(credentials)));
  TRY(made->client_, http::NamedClient::create(loop, std::move(endpoint), 1 << 24));
  return made;
}

io::Task<Result<std::string>> DynamoDb::call(std::string operation, std::string json,
                                             io::Deadline deadline) {
  Backoff backoff(25ms, 500ms);
  for (int attempts = 1;; ++attempts) {
    ++stats_.requests;
    auto answer = co_await attempt(operation, json, deadline.within(kAttemptTimeout));
    if (answer) co_return answer;
    ++stats_.failed;
    const auto code = answer.error().code();
    const bool may_help =
        code == Code::kUnavailable || code == Code::kTimeout || code == Code::kClosed;
    if (!may_help || attempts == kAttempts || deadline.passed()) co_return answer;
    (void)co_await io::sleep(loop_, backoff.next(), deadline);
  }
}

io::Task<Result<std::string>> DynamoDb::attempt(std::string operation, std::string json,
                                                io::Deadline deadline) {
  http::Request request;
  request.method = http::Method::kPost;
  request.method_text = "POST";
  request.fields.add("Content-Type", "application/x-amz-json-1.0");
  request.fields.add("X-Amz-Target", "DynamoDB_20120810." + operation);
  request.body = std::move(json);
  sign_for_aws(request, url_.endpoint.authority(), {url_.region, "dynamodb"}, credentials_,
               wall_now());
  auto response = co_await client_->send(std::move(request), deadline);
  if (!response)
    co_return fail(response.error().code() == Code::kTimeout ? Code::kTimeout : Code::kUnavailable,
                   fmt::format("DynamoDB: {}", response.error().message()));
  if (response->status != 200) co_return fail(error_of(*response));
  co_return std::move(response->body);
}

}  // namespace fairlead::store
