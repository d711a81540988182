// DynamoDB over HTTPS.
#pragma once

#include <memory>
#include <string>

#include "http/named_client.h"
#include "store/aws_signature.h"
#include "store/url.h"

namespace fairlead::store {

struct DynamoDbUrl {
  std::string table;
  std::string region;
  http::Url endpoint;
};

// dynamodb://TABLE?region=R&endpoint=URL; the region may come from `default_region` (AWS_REGION),
// the endpoint from the region.
Result<DynamoDbUrl> dynamodb_url(const StoreUrl& url, const std::string& default_region);

struct DynamoDbStats {
  std::uint64_t requests = 0;  // sent, retries included
  std::uint64_t failed = 0;    // of these
};

// Belongs to its loop's thread; outlives its calls.
class DynamoDb {
 public:
  static Result<std::unique_ptr<DynamoDb>> create(io::Loop& loop, DynamoDbUrl url,
                                                  AwsCredentials credentials);

  // One operation ("GetItem") with its JSON, as the API reference has them; gives the JSON of the
  // answer. Throttling and failures of the server are tried again until the deadline, at most three
  // times, so operations must be idempotent. kUnavailable, kTimeout, kNotFound (no such table),
  // kDenied, kInvalid.
  io::Task<Result<std::string>> call(std::string operation, std::string json,
                                     io::Deadline deadline);
  const std::string& table() const { return url_.table; }
  const DynamoDbStats& stats() const { return stats_; }

 private:
  DynamoDb(io::Loop& loop, DynamoDbUrl url, AwsCredentials credentials)
      : loop_(loop), url_(std::move(url)), credentials_(std::move(credentials)) {}
  io::Task<Result<std::string>> attempt(std::string operation, std::string json,
                                        io::Deadline deadline);

  io::Loop& loop_;
  const DynamoDbUrl url_;
  const AwsCredentials credentials_;
  std::unique_ptr<http::NamedClient> client_;
  DynamoDbStats stats_;
};

}  // namespace fairlead::store
