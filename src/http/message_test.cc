#include "http/message.h"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

TEST(Fields, AreFoundInAnyCaseAndJoinedInOrder) {
  Fields fields;
  fields.add("Accept", "a");
  fields.add("X", "b");
  fields.add("accept", "c");
  EXPECT_EQ(*fields.find("ACCEPT"), "a");
  EXPECT_EQ(fields.joined("accept"), "a, c");
  EXPECT_EQ(fields.find("y"), nullptr);
  fields.set("Accept", "d");
  EXPECT_EQ(fields.joined("accept"), "d");
  EXPECT_EQ(fields.size(), 2u);
  fields.remove("x");
  EXPECT_EQ(fields.find("x"), nullptr);
}

TEST(Fields, ForgetWhatWasClearedWhateverIsDoneNext) {
  Fields fields;
  fields.add_copy("A", "1");
  fields.add_copy("B", "2");
  fields.clear();
  EXPECT_EQ(fields.find("A"), nullptr);
  EXPECT_EQ(fields.begin(), fields.end());
  fields.add("C", "3");
  EXPECT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields.find("B"), nullptr);
  const Fields moved = std::move(fields);
  EXPECT_EQ(*moved.find("C"), "3");
  fields.clear();
  fields.add_copy("D", "4");
  EXPECT_EQ(fields.size(), 1u);
}

TEST(Request, DecodesQueryParameters) {
  Request request;
  request.query = "a=1+2&b%20c=%C3%A4&d&e=x%3D%26&a=second&f=%zz";
  EXPECT_EQ(request.parameter("a"), "1 2");
  EXPECT_EQ(request.parameter("b c"), "\xc3\xa4");
  EXPECT_EQ(request.parameter("d"), "");
  EXPECT_EQ(request.parameter("e"), "x=&");
  EXPECT_EQ(request.parameter("f"), std::nullopt);
  EXPECT_EQ(request.parameter("g"), std::nullopt);
}

TEST(Response, MakesProblemDocuments) {
  const Response problem = Response::problem(404, "Not \"here\"", "line\n");
  EXPECT_EQ(problem.status, 404);
  EXPECT_EQ(*problem.fields.find("content-type"), "application/problem+json");
  EXPECT_EQ(problem.body,
            "{\"title\":\"Not \\\"here\\\"\",\"status\":404,\"detail\":\"line\\u000a\"}\n");
}

TEST(Percent, DecodesWholeEscapesOnly) {
  EXPECT_EQ(percent_decode("a%2Fb+c%e4").value(), "a/b+c\xe4");
  EXPECT_EQ(percent_decode("a+b", true).value(), "a b");
  for (const auto* wrong : {"%", "%1", "a%g0", "%+1", "% 1", "%00"})
    EXPECT_EQ(percent_decode(wrong).error().code(), Code::kInvalid) << wrong;
}

TEST(Percent, EncodesSoThatDecodingGivesItBack) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)).value(), all);
  EXPECT_EQ(percent_encode("a b/\xe4~"), "a%20b%2F%E4~");
}

}  // namespace
}  // namespace fairlead::http
