// Every tests/golden/target/NAME.toml, rendered for every target into the files beside it.
// FAIRLEAD_UPDATE_GOLDEN=1 writes them anew; look at the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "config/load.h"
#include "target/target.h"

namespace fairlead::target {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(FAIRLEAD_SOURCE) / "tests/golden/target";

using Files = std::map<std::string, std::string>;  // content by relative path

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kGolden))
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem());
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const auto& target : targets()) names.emplace_back(target.name);
  return names;
}

config::AppFile file_named(const std::string& name) {
  return config::load(kGolden / (name + ".toml")).app.value();
}

Files rendered(const std::string& name, const std::string& target) {
  const auto apps = file_named(name);
  RenderOptions options{.console = name == "visitors"};
  for (const auto& [environment, app] : apps.environments)
    if (environment != config::kDev || !app.branch.empty()) options.environments.push_back(app);
  Files files;
  const auto rendering = render(target, apps.resolve().value(), options);
  if (!rendering) {
    // Named from the folder of the goldens on, wherever that is.
    std::string why = rendering.error().message();
    const std::string here = kGolden.string() + "/";
    if (const auto at = why.find(here); at != std::string::npos) why.erase(at, here.size());
    return {{"REFUSED", why + "\n"}};
  }
  for (const auto& file : rendering->files)
    EXPECT_TRUE(files.emplace(file.path, file.content).second) << file.path << " twice";
  return files;
}

Files on_disk(const fs::path& folder) {
  Files files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), folder)] = read_file(entry.path()).value();
  return files;
}

void replace(const fs::path& folder, const Files& files) {
  fs::remove_all(folder);
  for (const auto& [path, content] : files) {
    ASSERT_TRUE(make_directories((folder / path).parent_path()));
    ASSERT_TRUE(write_file_atomically(folder / path, content));
  }
}

class Golden : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(Golden, RendersWhatIsExpected) {
  const auto& [name, target] = GetParam();
  const auto files = rendered(name, target);
  const auto folder = kGolden / name / target;
  if (std::getenv("FAIRLEAD_UPDATE_GOLDEN")) replace(folder, files);
  EXPECT_EQ(files, on_disk(folder));
  EXPECT_EQ(files, rendered(name, target)) << "rendered twice, it differs";
}

INSTANTIATE_TEST_SUITE_P(Target, Golden,
                         testing::Combine(testing::ValuesIn(cases()),
                                          testing::ValuesIn(target_names())),
                         [](const auto& param) {
                           auto text = std::get<0>(param.param) + "_" + std::get<1>(param.param);
                           std::ranges::replace(text, '-', '_');
                           return text;
                         });

}  // namespace
}  // namespace fairlead::target
