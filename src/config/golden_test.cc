// Every file of tests/golden/config: a fairlead.toml, maybe a Procfile, and what comes of them.
// FAIRLEAD_UPDATE_GOLDEN=1 writes what comes of them now into the files; look at the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "config/load.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kProcfileMark = "\n---- Procfile\n";
constexpr std::string_view kExpectedMark = "\n---- expected\n";

const std::filesystem::path kSource = FAIRLEAD_SOURCE;

bool updating() { return std::getenv("FAIRLEAD_UPDATE_GOLDEN") != nullptr; }

struct Case {
  std::string input;  // all but the expected part
  std::string toml;
  std::optional<std::string> procfile;
  std::string expected;
};

Case take_apart(const std::string& text) {
  Case c;
  const auto expected = text.find(kExpectedMark);
  c.input = text.substr(0, expected);
  if (expected != std::string::npos) c.expected = text.substr(expected + kExpectedMark.size());
  const auto procfile = c.input.find(kProcfileMark);
  c.toml = c.input.substr(0, procfile) + "\n";
  if (procfile != std::string::npos)
    c.procfile = c.input.substr(procfile + kProcfileMark.size()) + "\n";
  return c;
}

// The diagnostics; then production, and each environment that is not like it.
std::string outcome(const Case& c) {
  const auto loaded = load_text(c.toml, "fairlead.toml", c.procfile);
  std::string text = to_text(loaded.diagnostics);
  if (!loaded.app) return text;
  const auto& production = loaded.app->environments.at("production");
  text += to_json(production) + "\n";
  for (auto [name, spec] : loaded.app->environments) {
    spec.environment = "production";
    const bool same = to_json(spec) == to_json(production);
    spec.environment = name;
    if (!same) text += to_json(spec) + "\n";
  }
  return text;
}

std::vector<std::filesystem::path> golden_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kSource / "tests/golden/config"))
    files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

class Golden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Golden, GivesWhatIsExpected) {
  const auto c = take_apart(read_file(GetParam()).value());
  const auto actual = outcome(c);
  if (updating())
    ASSERT_TRUE(write_file_atomically(GetParam(), c.input + std::string(kExpectedMark) + actual));
  else
    EXPECT_EQ(actual, c.expected);
}

INSTANTIATE_TEST_SUITE_P(Config, Golden, testing::ValuesIn(golden_files()),
                         [](const auto& param) { return param.param.stem().string(); });

// What the fuzzer starts from, and what it once found.
TEST(Corpus, GivesAnAppOrErrors) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(kSource / "fuzz/corpus/config_fuzz")) {
    const auto c = take_apart(read_file(entry.path()).value());
    const auto loaded = load_text(c.toml, "fairlead.toml", c.procfile);
    EXPECT_NE(loaded.app.has_value(), has_errors(loaded.diagnostics)) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 30);
}

TEST(Reference, IsUpToDate) {
  const auto path = kSource / "docs/fairlead-toml.md";
  if (updating()) ASSERT_TRUE(write_file_atomically(path, reference()));
  EXPECT_EQ(read_file(path).value(), reference());
}

}  // namespace
}  // namespace fairlead::config
