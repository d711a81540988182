// AWS Signature Version 4: how a request to AWS proves who sends it.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"

namespace fairlead::store {

struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // "" for credentials that last
};

struct AwsScope {
  std::string region;   // "eu-central-1"
  std::string service;  // "dynamodb"
};

// Adds X-Amz-Date, X-Amz-Security-Token and Authorization. The request is complete before: method,
// target, fields (all of them are signed) and body; `host` is the Host field that it will have.
void sign_for_aws(http::Request& request, std::string_view host, const AwsScope& scope,
                  const AwsCredentials& credentials, WallTime time);

}  // namespace fairlead::store
