#include "http/head.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace fairlead::http {
namespace {

TEST(FieldId, IsFoundInAnyCase) {
  for (int id = 1; id <= static_cast<int>(FieldId::kXRequestId); ++id) {
    const auto name = field_name(static_cast<FieldId>(id));
    ASSERT_FALSE(name.empty());
    EXPECT_EQ(to_lower(name), name);
    std::string upper(name);
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(field_id(name), static_cast<FieldId>(id)) << name;
    EXPECT_EQ(field_id(upper), static_cast<FieldId>(id)) << upper;
  }
}

// One byte changed is another name, at whatever place and however alike the byte looks to a trick
// with bits.
TEST(FieldId, IsNotFoundForNeighbours) {
  for (int id = 1; id <= static_cast<int>(FieldId::kXRequestId); ++id) {
    const std::string name(field_name(static_cast<FieldId>(id)));
    for (std::size_t i = 0; i < name.size(); ++i)
      for (int byte = 0; byte < 256; ++byte) {
        std::string other = name;
        other[i] = static_cast<char>(byte);
        if (!iequals(other, name)) {
          EXPECT_NE(field_id(other), static_cast<FieldId>(id)) << other;
        }
      }
    EXPECT_EQ(field_id(name + "x"), FieldId::kOther);
  }
  EXPECT_EQ(field_id(""), FieldId::kOther);
  EXPECT_EQ(field_name(FieldId::kOther), "");
}

TEST(Method, IsCaseSensitive) {
  EXPECT_EQ(method_of("GET"), Method::kGet);
  EXPECT_EQ(method_of("PATCH"), Method::kPatch);
  EXPECT_EQ(method_of("get"), Method::kOther);
  EXPECT_EQ(method_of(""), Method::kOther);
  EXPECT_EQ(to_string(Method::kDelete), "DELETE");
  EXPECT_EQ(to_string(Method::kOther), "");
}

TEST(Method, KnowsWhatMayBeRepeated) {
  EXPECT_TRUE(is_idempotent(Method::kPut));
  EXPECT_FALSE(is_safe(Method::kPut));
  EXPECT_TRUE(is_safe(Method::kHead));
  EXPECT_FALSE(is_idempotent(Method::kPost));
  EXPECT_FALSE(is_idempotent(Method::kPatch));
  EXPECT_FALSE(is_idempotent(Method::kConnect));
  EXPECT_FALSE(is_idempotent(Method::kOther));
}

}  // namespace
}  // namespace fairlead::http
