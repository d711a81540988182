#include "ship/secrets.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ship/sealed_file.h"

namespace fairlead::ship {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() : folder(fmt::format("/tmp/fairlead-secrets-{}", ::getpid())) {
    fs::remove_all(folder);
  }
  ~SecretsTest() override { fs::remove_all(folder); }
  Secrets open(const char* environment = "production") {
    return Secrets::open(folder, environment).value();
  }
  fs::path folder;
};

TEST_F(SecretsTest, AreKeptEncryptedAndReadableByTheOwnerAlone) {
  ASSERT_TRUE(open().set({{"AIRVISUAL_KEY", "plain-text-value"}, {"OTHER", "ü €"}}));
  for (const auto& entry : fs::directory_iterator(folder)) {
    EXPECT_THAT(read_file(entry.path()).value(), Not(HasSubstr("plain-text-value")));
    EXPECT_THAT(read_file(entry.path()).value(), Not(HasSubstr("AIRVISUAL_KEY")));
    struct stat status{};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
  }
  Secrets again = open();
  EXPECT_THAT(again.values(again.current()).value(),
              ElementsAre(Pair("AIRVISUAL_KEY", "plain-text-value"), Pair("OTHER", "ü €")));
}

TEST_F(SecretsTest, ReleasesKeepTheVersionsTheyWereMadeWith) {
  Secrets secrets = open();
  ASSERT_TRUE(secrets.set({{"KEY", "one"}}));
  const SecretPins first = secrets.current();
  ASSERT_TRUE(secrets.set({{"KEY", "two"}}));
  EXPECT_THAT(secrets.current(), ElementsAre(Pair("KEY", 2u)));
  EXPECT_THAT(secrets.values(first).value(), ElementsAre(Pair("KEY", "one")));
  ASSERT_TRUE(secrets.unset("KEY"));
  EXPECT_TRUE(secrets.list().empty());
  ASSERT_TRUE(secrets.prune({first}));
  EXPECT_THAT(open().values(first).value(), ElementsAre(Pair("KEY", "one")));
  ASSERT_TRUE(secrets.prune({}));
  EXPECT_EQ(secrets.values(first).error().code(), Code::kNotFound);
  // A number never comes to mean another value.
  ASSERT_TRUE(secrets.set({{"KEY", "three"}}));
  EXPECT_THAT(secrets.current(), ElementsAre(Pair("KEY", 3u)));
}

TEST_F(SecretsTest, EnvironmentsDoNotSeeEachOther) {
  ASSERT_TRUE(open("production").set({{"KEY", "p"}}));
  EXPECT_TRUE(open("staging").list().empty());
  fs::copy(folder / "production.secrets", folder / "staging.secrets");
  EXPECT_EQ(Secrets::open(folder, "staging").error().code(), Code::kInvalid);
}

TEST_F(SecretsTest, WrongNamesAndValuesChangeNothing) {
  Secrets secrets = open();
  for (const auto& [name, value] : SecretValues{
           {"1A", "x"}, {"A-B", "x"}, {"", "x"}, {"OK", std::string("a\0b", 3)}, {"OK", "\xff"}})
    EXPECT_EQ(secrets.set({{"FINE", "x"}, {name, value}}).error().code(), Code::kInvalid) << name;
  EXPECT_TRUE(open().list().empty());
  EXPECT_EQ(secrets.unset("NONE").error().code(), Code::kNotFound);
}

TEST_F(SecretsTest, DamageAndLostOrOpenKeysAreNoticed) {
  ASSERT_TRUE(open().set({{"KEY", "value"}}));
  const std::string content = read_file(folder / "production.secrets").value();
  for (std::size_t i = 0; i < content.size(); i += 7) {
    std::string damaged = content;
    damaged[i] ^= 1;
    ASSERT_TRUE(write_file_atomically(folder / "production.secrets", damaged));
    EXPECT_EQ(Secrets::open(folder, "production").error().code(), Code::kInvalid) << i;
  }
  ASSERT_TRUE(write_file_atomically(folder / "production.secrets", content));
  fs::permissions(folder / "key", fs::perms(0644));
  EXPECT_EQ(Secrets::open(folder, "production").error().code(), Code::kDenied);
  fs::remove(folder / "key");
  EXPECT_EQ(Secrets::open(folder, "production").error().code(), Code::kNotFound);
}

TEST_F(SecretsTest, AnInterruptedKeyRotationIsFinished) {
  ASSERT_TRUE(open("production").set({{"KEY", "p"}}));
  ASSERT_TRUE(open("staging").set({{"KEY", "s"}}));
  const std::string old_key = read_file(folder / "key").value();
  // As a crash would leave it after the first file: one file of the new key, one of the old.
  const Key next = new_key().value();
  ASSERT_TRUE(write_key(folder / "key.next", next));
  const std::string plain = unseal(read_key(folder / "key").value(), "staging",
                                   read_file(folder / "staging.secrets").value())
                                .value();
  ASSERT_TRUE(write_file_atomically(folder / "staging.secrets",
                                    seal(next, "staging", plain).value(), 0600));

  open("production");
  EXPECT_NE(read_file(folder / "key").value(), old_key);
  for (const char* name : {"production", "staging"}) {
    const Secrets secrets = open(name);
    EXPECT_THAT(secrets.values(secrets.current()).value(),
                ElementsAre(Pair("KEY", std::string(1, name[0]))));
  }
  EXPECT_FALSE(fs::exists(folder / "key.next"));
}

TEST_F(SecretsTest, KeyRotationMakesTheOldKeyUseless) {
  ASSERT_TRUE(open().set({{"KEY", "p"}}));
  const Key old_key = read_key(folder / "key").value();
  ASSERT_TRUE(Secrets::rotate_key(folder));
  EXPECT_FALSE(unseal(old_key, "production", read_file(folder / "production.secrets").value()));
  EXPECT_THAT(open().current(), ElementsAre(Pair("KEY", 1u)));
}

TEST(Dotenv, ReadsTheUsualForms) {
  EXPECT_THAT(parse_dotenv("# comment\n\nA=plain value # rest\nexport B='it''\n").error().message(),
              HasSubstr("line 4"));
  EXPECT_THAT(
      parse_dotenv("A=plain # rest\r\nexport B='a\"#b'\nC=\"x\\n\\\"y\\\"\"\nD=\n").value(),
      ElementsAre(Pair("A", "plain"), Pair("B", "a\"#b"), Pair("C", "x\n\"y\""), Pair("D", "")));
  EXPECT_THAT(parse_dotenv("A=1\nnot a line").error().message(), HasSubstr("line 2"));
}

}  // namespace
}  // namespace fairlead::ship
