#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"
#include "config/values.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kSmallest = "name = \"a\"\nprocesses.web.command = \"serve\"\n";

Loaded load_one(std::string_view text) { return load_text(text, "fairlead.toml"); }

std::string first_message(std::string_view text) {
  const auto loaded = load_one(text);
  return loaded.diagnostics.empty() ? "" : to_text(std::span(loaded.diagnostics).first(1));
}

std::string repeat(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

class Folder {
 public:
  Folder() {
    std::string path = std::filesystem::temp_directory_path() / "config-XXXXXX";
    path_ = ::mkdtemp(path.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  void put(std::string_view name, std::string_view text) const {
    std::ofstream(path_ / name) << text;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Values, ReadBackWhatTheyWrite) {
  for (const auto* text : {"250ms", "5s", "10m", "1h", "7d", "1500ms", "90s"})
    EXPECT_EQ(write_duration(parse_duration(text).value()), text);
  for (const auto* text : {"512K", "64M", "2G", "1T", "1536M"})
    EXPECT_EQ(write_size(parse_size(text).value()), text);
  for (const auto* text : {"50/s", "300/m", "1000/h", "10000/d"})
    EXPECT_EQ(write_rate(parse_rate(text).value()), text);
  EXPECT_EQ(parse_duration("60s").value(), 1min);
  EXPECT_EQ(parse_size("64M").value(), 64u << 20);
  EXPECT_EQ(parse_rate("300/m").value().per, 1min);
}

TEST(Values, RefuseWhatIsNotExactlyOfTheForm) {
  for (const auto* text : {"", " ", "s", "5", "5 s", " 5s", "5s ", "+5s", "-5s", "0x5s", "5ss",
                           "5.0s", "1e3s", "18446744073709551616s", "3661d"})
    EXPECT_FALSE(parse_duration(text)) << text;
  for (const auto* text : {"", "M", "64", "64m", "64MB", "64 M", "1.5G", "-1M", "1025T", "."})
    EXPECT_FALSE(parse_size(text)) << text;
  for (const auto* text : {"", "/s", "50", "50/", "50s", "50/ms", "50 /s", "0/s", "50/s/s"})
    EXPECT_FALSE(parse_rate(text)) << text;
  for (const auto* text : {"", "1", "1.0", "1.0.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "01.0.0",
                           "1.0.0+1", "v1.0.0", "a.b.c", "1.-1.0"})
    EXPECT_FALSE(parse_version(text)) << text;
  for (const auto* text : {"", "A", "-a", "a-", "a_b", "a.b", "ä"})
    EXPECT_FALSE(parse_name(text)) << text;
  EXPECT_FALSE(parse_name(std::string(64, 'a')));
}

TEST(Values, SayWhatWasMeant) {
  EXPECT_EQ(parse_duration("2 hours").error().hint(), "did you mean \"2h\"?");
  EXPECT_EQ(parse_duration("20 millis").error().hint(), "did you mean \"20ms\"?");
  EXPECT_EQ(parse_size("2.5T").error().hint(), "write \"2560G\"");
  EXPECT_EQ(parse_name("My App!").error().hint(), "did you mean \"my-app\"?");
}

TEST(Text, ThatIsNoTextIsRefusedWhereItStops) {
  EXPECT_TRUE(first_message("name = \"a\"\nx = \"\xff\"\n").contains("2:6: error: byte 0xFF"));
  EXPECT_TRUE(first_message("# \xc3\xa4 \xed\xa0\x80\n").contains("1:5: error: byte 0xED"));
  EXPECT_TRUE(first_message("# \xc0\x80\n").contains("byte 0xC0"));
  EXPECT_TRUE(first_message("# \xf4\x90\x80\x80\n").contains("byte 0xF4"));
  EXPECT_TRUE(first_message("name = \"\xe2\x82").contains("byte 0xE2"));
  EXPECT_TRUE(
      first_message(std::string_view("a\n\0", 3)).contains("2:1: error: the file holds a NUL"));
  EXPECT_TRUE(first_message(std::string((1 << 20) + 1, '#')).contains("the most is 1.0 MiB"));
}

TEST(Text, MayStartWithAByteOrderMark) {
  EXPECT_TRUE(load_one("\xef\xbb\xbf" + std::string(kSmallest)).app);
}

TEST(Text, MayEndLinesTheOtherWay) {
  EXPECT_TRUE(load_one("name = \"a\"\r\n[processes.web]\r\ncommand = \"serve\"\r\n").app);
}

// Each of these took the library, or a tree of its size, down the stack once for each level.
TEST(Text, NestedWithoutEndIsRefused) {
  for (const auto& deep :
       {repeat("[", 500'000), "x = " + repeat("[", 500'000), "x = " + repeat("{a=", 300'000),
        "x" + repeat(".x", 400'000) + " = 1", "[x" + repeat(".x", 400'000) + "]",
        "[x" + repeat(" . \"y\"", 100'000) + "]", "x = {a" + repeat(".a", 400'000) + " = 1}",
        "x = " + repeat("[\n", 400'000),
        "s = '''\n" + repeat(".", 100) + "'''\nx" + repeat(".x", 400'000)})
    EXPECT_FALSE(load_one(deep).app) << deep.substr(0, 20);
}

TEST(Text, WithDotsElsewhereIsFine) {
  const auto dots = repeat(".x", 200);
  const auto text = std::string(kSmallest) + "[env]\nA = \"" + dots + "\" # " + dots + "\nB = '" +
                    dots + "'\nC = \"\"\"\n\\\"\"\"" + dots + "\"\"\"\n";
  EXPECT_TRUE(load_one(text).app) << first_message(text);
}

TEST(Errors, AreBoundedInNumber) {
  std::string text(kSmallest);
  for (int i = 0; i < 5'000; ++i) text += fmt::format("unknown{} = 1\n", i);
  const auto loaded = load_one(text);
  EXPECT_EQ(loaded.diagnostics.size(), 101u);
  EXPECT_TRUE(loaded.diagnostics.front().message.starts_with("unknown key"));
  EXPECT_TRUE(loaded.diagnostics.back().message.starts_with("too many errors"));
}

TEST(Errors, AreBoundedInNumberOfEnvironments) {
  std::string text(kSmallest);
  for (int i = 0; i < 33; ++i) text += fmt::format("environments.e{}.branch = \"b\"\n", i);
  EXPECT_TRUE(first_message(text).contains("more than 32 environments"));
}

TEST(Errors, ShowOneScreenOfALongLine) {
  const auto text = std::string(kSmallest) + "x = \"" + std::string(100'000, 'y') + "\" zzz\n";
  const auto shown = first_message(text);
  EXPECT_LT(shown.size(), 500u);
  EXPECT_TRUE(shown.contains("zzz"));
}

TEST(Errors, DoNotPassOnControlCharacters) {
  const auto shown = first_message("na\x1b[31mme = 1\n\xc2\x9b = 2\n");
  EXPECT_FALSE(shown.contains('\x1b'));
  EXPECT_TRUE(shown.contains("na?[31mme"));
}

TEST(Errors, AreColouredOnRequest) {
  const auto loaded = load_one("nmae = \"a\"\nprocesses.web.command = \"serve\"\n");
  EXPECT_FALSE(to_text(loaded.diagnostics).contains('\x1b'));
  EXPECT_TRUE(to_text(loaded.diagnostics, true).contains("\x1b[1;31merror:\x1b[0m"));
}

TEST(Errors, AreJsonToo) {
  const auto loaded = load_one("nmae = \"a\"\nprocesses.web.command = \"serve\"\n");
  EXPECT_EQ(to_json(loaded.diagnostics), R"([
  {
    "severity": "error",
    "file": "fairlead.toml",
    "line": 1,
    "column": 1,
    "message": "unknown key 'nmae'",
    "suggestion": "did you mean 'name'?"
  }
])");
  EXPECT_EQ(to_json(std::span<const Diagnostic>()), "[]");
}

TEST(AppFile, HasProductionAndDevWithoutNamingThem) {
  const auto loaded = load_one(std::string(kSmallest) + "environments.qa.branch = \"qa\"\n");
  ASSERT_TRUE(loaded.app);
  EXPECT_EQ(loaded.app->resolve("qa")->branch, "qa");
  EXPECT_EQ(loaded.app->resolve("dev")->environment, "dev");
  EXPECT_EQ(loaded.app->resolve()->environment, "production");
  const auto missing = loaded.app->resolve("stage");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_EQ(missing.error().hint(), "there are: dev, production, qa");
}

TEST(AppSpec, RemembersWhereThingsStood) {
  const auto spec =
      load_one(
          "name = \"a\"\n[processes.web]\ncommand = \"x\"\n\n[[routes]]\nprocess = \"web\"\n"
          "[services.db]\ntype = \"redis\"\n")
          .app->resolve();
  EXPECT_EQ(spec->processes[0].where, (Location{2, 12}));
  EXPECT_EQ(spec->routes[0].where, (Location{5, 1}));
  EXPECT_EQ(spec->services[0].where, (Location{7, 11}));
}

TEST(Load, TakesTheFolderOrTheFile) {
  const Folder folder;
  folder.put("fairlead.toml", kSmallest);
  EXPECT_EQ(load(folder.path()).app->resolve()->file, folder.path() / "fairlead.toml");
  EXPECT_EQ(load(folder.path() / "fairlead.toml").app->resolve()->name, "a");
}

TEST(Load, ReadsALoneProcfileAsAnAppNamedAfterItsFolder) {
  const Folder folder;
  folder.put("Procfile", "web: serve\n");
  const auto loaded = load(folder.path());
  ASSERT_TRUE(loaded.app) << to_text(loaded.diagnostics);
  const auto spec = loaded.app->resolve();
  EXPECT_EQ(spec->name, nearest_name(folder.path().filename().string()));
  EXPECT_EQ(spec->processes[0].command, "serve");
  EXPECT_EQ(spec->routes[0].host, spec->name + ".localhost");
}

TEST(Load, SaysWhatIsMissing) {
  const Folder folder;
  const auto nothing = load(folder.path());
  ASSERT_EQ(nothing.diagnostics.size(), 1u);
  EXPECT_EQ(nothing.diagnostics[0].message, "there is no such file");
  EXPECT_EQ(nothing.diagnostics[0].file, folder.path() / "fairlead.toml");
  EXPECT_FALSE(load(folder.path() / "nowhere" / "fairlead.toml").app);
}

TEST(Load, GivesOneEnvironmentOrAllThatIsWrong) {
  const Folder folder;
  folder.put("fairlead.toml", kSmallest);
  EXPECT_EQ(load_environment(folder.path())->name, "a");
  EXPECT_EQ(load_environment(folder.path(), "nowhere").error().code(), Code::kNotFound);
  folder.put("fairlead.toml", "nmae = 1\nprocesses.web.comand = 1\n");
  const auto failed = load_environment(folder.path());
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().message().contains("'nmae'"));
  EXPECT_TRUE(failed.error().message().contains("'comand'"));
}

}  // namespace
}  // namespace fairlead::config
