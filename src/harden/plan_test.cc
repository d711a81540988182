#include "harden/plan.h"

#include <gtest/gtest.h>

namespace fairlead::harden {
namespace {

TEST(Users, HaveTheirKeysFromAList) {
  const auto users = parse_users(
      "# who may log in\n\nada ssh-ed25519 AAAA ada@laptop\n  bob  ecdsa-sha2-nistp256 BBBB\n"
      "ada sk-ssh-ed25519@openssh.com CCCC\n");
  ASSERT_TRUE(users);
  ASSERT_EQ(users->size(), 2u);
  EXPECT_EQ((*users)[0].name, "ada");
  EXPECT_EQ((*users)[0].keys, (std::vector<std::string>{"ssh-ed25519 AAAA ada@laptop",
                                                        "sk-ssh-ed25519@openssh.com CCCC"}));
  EXPECT_EQ((*users)[1].name, "bob");
}

TEST(Users, OfAListThatIsWrongNameTheLine) {
  const auto error = [](std::string_view text) { return parse_users(text).error().message(); };
  EXPECT_EQ(error("ada\n"), "line 1: no SSH key behind 'ada'");
  EXPECT_EQ(error("ada ssh-ed25519\n"), "line 1: no SSH key behind 'ada'");
  EXPECT_EQ(error("\n-rf ssh-ed25519 AAAA\n"), "line 2: '-rf' is no user's name");
  EXPECT_EQ(error("a:b ssh-ed25519 AAAA\n"), "line 1: 'a:b' is no user's name");
}

}  // namespace
}  // namespace fairlead::harden
