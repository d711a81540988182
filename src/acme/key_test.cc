#include "acme/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "acme/keeper.h"

namespace fairlead::acme {
namespace {

using testing::MatchesRegex;
using testing::StartsWith;

TEST(Base64Url, IsThatOfRfc7515) {
  EXPECT_EQ(base64url(std::string_view("\x03\xec\xff\xe0\xc1", 5)), "A-z_4ME");  // appendix C
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
}

TEST(Key, TellsItsPublicHalf) {
  const Key key = *Key::make();
  EXPECT_THAT(
      *key.jwk(),
      MatchesRegex(
          R"(\{"crv":"P-256","kty":"EC","x":"[-_A-Za-z0-9]{43}","y":"[-_A-Za-z0-9]{43}"\})"));
  EXPECT_EQ(key.thumbprint()->size(), 43u);
}

TEST(Key, SignsInTheFormOfEs256) {
  const Key key = *Key::make();
  // Both numbers are padded: their lengths vary otherwise.
  for (int i = 0; i < 300; ++i) EXPECT_EQ(key.sign(fmt::format("text {}", i))->size(), 64u);
}

TEST(Key, MakesAProofThatIsACertificate) {
  const Key key = *Key::make();
  EXPECT_THAT(*key.alpn_proof("example.com", "token.thumbprint"),
              StartsWith("-----BEGIN CERTIFICATE-----"));
}

TEST(Keeper, RenewsWhenAThirdOfTheLifeIsLeft) {
  const WallTime from = wall_now();
  EXPECT_EQ(Keeper::renewal_of(from, from + 90h) - from, 60h);
}

}  // namespace
}  // namespace fairlead::acme
