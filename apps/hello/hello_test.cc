#include "hello.h"

#include <gtest/gtest.h>

namespace hello {
namespace {

fairlead::Result<std::string> read(const std::string& body) {
  return date_of_birth(body, "2026-11-20");
}

TEST(DateOfBirth, IsReadFromTheBody) {
  EXPECT_EQ(read(R"({"dateOfBirth":"1990-05-17"})").value(), "1990-05-17");
  EXPECT_EQ(read(R"( {"name":"x","dateOfBirth":"2026-11-20"} )").value(), "2026-11-20");
}

TEST(DateOfBirth, IsRefusedWithTheReason) {
  for (const auto* wrong : {"", "{", "[]", "\"1990-05-17\"", "null", "{\"dateOfBirth\":1}",
                            "{\"date\":\"1990-05-17\"}", "{\"dateOfBirth\":\"1990-02-30\"}",
                            "{\"dateOfBirth\":\"2026-11-21\"}", "{\"dateOfBirth\":\"\xff\"}"})
    EXPECT_FALSE(read(wrong)) << wrong;
  EXPECT_EQ(read(R"({"dateOfBirth":"2026-11-21"})").error().message(),
            "dateOfBirth lies in the future");
  const std::string deep(100'000, '[');
  EXPECT_EQ(read(deep).error().message(), "the body is no JSON object");
}

}  // namespace
}  // namespace hello
