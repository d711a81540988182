// A service as an AWS Lambda function: the same routes, asked by events instead of connections.
#pragma once

#include <string>

#include "service/service.h"

namespace fairlead::service {

// Answers the invocations that the runtime API at `api` (host:port, AWS_LAMBDA_RUNTIME_API) hands
// out, one after the other, until the environment is frozen for good: events of API Gateway's REST
// API, of its HTTP API, and of function URLs. Returns only with an error of the runtime API; an
// initialisation that fails is reported there too.
Result<> serve_lambda(const Definition& definition, const Environment& environment,
                      const std::string& api);

// An event as the request that it stands for; kInvalid for one that is none of the three shapes.
// The body comes decoded.
Result<http::Request> request_of_event(const std::string& event);
// The answer as the gateway expects it.
std::string event_answer(const http::Response& response);

}  // namespace fairlead::service
