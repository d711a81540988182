#include "store/dynamodb.h"

#include <gtest/gtest.h>

#include "store/aws_signature.h"

namespace fairlead::store {
namespace {

// The case "get-vanilla" of AWS's own test suite for Signature Version 4.
TEST(AwsSignature, IsAsAwsComputesIt) {
  http::Request request;
  const WallTime time{std::chrono::sys_days(std::chrono::year(2015) / 8 / 30) +
                      std::chrono::hours(12) + std::chrono::minutes(36)};
  sign_for_aws(request, "example.amazonaws.com", {"us-east-1", "service"},
               {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""}, time);
  EXPECT_EQ(*request.fields.find("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

Result<DynamoDbUrl> parse(std::string_view text) {
  return dynamodb_url(parse_store_url("X", text, {"dynamodb"}).value(), "");
}

TEST(DynamoDbUrl, HasTableRegionAndEndpoint) {
  const auto aws = parse("dynamodb://birthdays?region=eu-central-1").value();
  EXPECT_EQ(aws.table, "birthdays");
  EXPECT_EQ(aws.endpoint.authority(), "dynamodb.eu-central-1.amazonaws.com");
  EXPECT_TRUE(aws.endpoint.tls);
  const auto local = parse("dynamodb://t?region=r&endpoint=http://127.0.0.1:4567").value();
  EXPECT_EQ(local.endpoint.authority(), "127.0.0.1:4567");
  for (const auto* wrong :
       {"dynamodb://", "dynamodb://t", "dynamodb://t?region=", "dynamodb://?region=r",
        "dynamodb://t?region=r&zone=1", "dynamodb://t?region=r&endpoint=x"})
    EXPECT_FALSE(parse(wrong)) << wrong;
}

}  // namespace
}  // namespace fairlead::store
