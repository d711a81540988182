#include "ship/image_name.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace fairlead::ship {
namespace {

TEST(ImageName, SaysWhereAnImageIs) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::tuple<std::string, std::string, std::string, std::string> kNames[] = {
      {"shop", "registry-1.docker.io", "library/shop", "latest"},
      {"ada/shop:1.2", "registry-1.docker.io", "ada/shop", "1.2"},
      {"docker.io/ada/shop", "registry-1.docker.io", "ada/shop", "latest"},
      {"localhost/shop:v1", "localhost", "shop", "v1"},
      {"127.0.0.1:5000/a/b/c:X_1", "127.0.0.1:5000", "a/b/c", "X_1"},
      {"r.example:5000/shop@" + digest, "r.example:5000", "shop", digest},
  };
  for (const auto& [text, registry, repository, reference] : kNames) {
    const auto name = parse_image_name(text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(name->registry, registry);
    EXPECT_EQ(name->repository, repository);
    EXPECT_EQ(name->reference, reference);
    EXPECT_EQ(name->is_local(), text.starts_with("127") || text.starts_with("local"));
  }
}

TEST(ImageName, RefusesWhatIsNone) {
  for (const auto* text : {"", ":1", "Shop", "a//b", "../x", "r.example/", "shop:", "shop:a b",
                           "shop@sha256:12", "shop/-x", "r.example/a?b"})
    EXPECT_FALSE(parse_image_name(text)) << text;
}

TEST(ImageName, FindsTheLoginThatDockerKeeps) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "docker-config";
  ASSERT_TRUE(make_directories(folder));
  ASSERT_TRUE(write_file_atomically(
      folder / "config.json",
      R"({"auths": {"r.example": {"auth": ")" + base64("ada:a:b") + R"("}}})"));
  ::setenv("DOCKER_CONFIG", folder.c_str(), 1);
  const auto login = login_for(parse_image_name("r.example/x").value());
  EXPECT_EQ(login.user, "ada");
  EXPECT_EQ(login.password, "a:b");
  EXPECT_EQ(login_for(parse_image_name("other.example/x").value()).user, "");
  ::unsetenv("DOCKER_CONFIG");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace fairlead::ship
