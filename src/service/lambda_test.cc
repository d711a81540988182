#include "service/lambda.h"

#include <gtest/gtest.h>

namespace fairlead::service {
namespace {

TEST(LambdaEvent, OfARestApiIsARequest) {
  const auto request = request_of_event(
      R"({"resource":"/{proxy+}","path":"/hello/Ada","httpMethod":"PUT","headers":{"Accept":"*/*"},)"
      R"("queryStringParameters":{"a":"1 2","b":"&"},"body":"{\"x\":1}","isBase64Encoded":false})");
  EXPECT_EQ(request->method, http::Method::kPut);
  EXPECT_EQ(request->path, "/hello/Ada");
  EXPECT_EQ(request->parameter("a"), "1 2");
  EXPECT_EQ(request->parameter("b"), "&");
  EXPECT_EQ(request->body, "{\"x\":1}");
  EXPECT_EQ(*request->fields.find("accept"), "*/*");
}

TEST(LambdaEvent, OfAnHttpApiOrAFunctionUrlIsARequest) {
  const auto event = [](std::string stage, std::string path) {
    return R"({"version":"2.0","rawPath":")" + path +
           R"(","rawQueryString":"a=1","requestContext":{"stage":")" + stage +
           R"(","http":{"method":"GET","sourceIp":"192.0.2.1"}},"body":"aGk=","isBase64Encoded":true})";
  };
  const auto request = request_of_event(event("$default", "/hello/%41da")).value();
  EXPECT_EQ(request.path, "/hello/Ada");
  EXPECT_EQ(request.query, "a=1");
  EXPECT_EQ(request.peer, "192.0.2.1");
  EXPECT_EQ(request.body, "hi");
  EXPECT_EQ(request_of_event(event("prod", "/prod/hello/Ada"))->path, "/hello/Ada");
  EXPECT_EQ(request_of_event(event("prod", "/prod"))->path, "/");
  EXPECT_EQ(request_of_event(event("prod", "/product"))->path, "/product");
}

TEST(LambdaEvent, OfAnythingElseIsRefused) {
  for (const auto* wrong :
       {"", "[]", "{}", R"({"Records":[]})", R"({"httpMethod":"GET"})",
        R"({"httpMethod":"GET","path":"x"})", R"({"httpMethod":"GET","path":"/%zz"})",
        R"({"httpMethod":"GET","path":"/","body":"?","isBase64Encoded":true})"})
    EXPECT_FALSE(request_of_event(wrong)) << wrong;
}

TEST(LambdaAnswer, IsWhatTheGatewayExpects) {
  auto response = http::Response::json("{\"a\":\"\xff\"}", 404);
  EXPECT_EQ(event_answer(response),
            "{\"body\":\"{\\\"a\\\":\\\"\xef\xbf\xbd\\\"}\",\"headers\":{\"content-type\":"
            "\"application/json\"},\"isBase64Encoded\":false,\"statusCode\":404}");
}

}  // namespace
}  // namespace fairlead::service
