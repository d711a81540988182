#include "target/target.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "target/yaml.h"

namespace fairlead::target {
namespace {

config::AppSpec app_of(std::string_view text) {
  return config::load_text(text, "fairlead.toml").app.value().resolve().value();
}

TEST(Yaml, QuotesWhatWouldMeanSomethingElse) {
  for (const auto* text : {"web", "a-b_c.d", "/bin/sh", "postgres:15", "a@b"})
    EXPECT_EQ(yaml_text(text), text);
  for (const auto* text :
       {"",  "true", "No", "NULL", "off",        "y",     "12", "1.5", "0x1f", "1e3", "-a",
        "~", "a: b", "a:", "a #b", "[a]",        "{a}",   "*a", "&a",  "!a",   "%a",  "|",
        ">", "'a'",  " a", "a ",   "2026-11-20", "12:30", "=",  "<<",  ".inf", "$a"})
    EXPECT_EQ(yaml_text(text), '"' + std::string(text) + '"');
  EXPECT_EQ(yaml_text("a\"b\\c\nd\te\x01"), R"("a\"b\\c\nd\te\x01")");
  EXPECT_EQ(yaml_text("größer"), "\"größer\"");
}

TEST(Yaml, WritesMapsListsAndComments) {
  Yaml file;
  file.comment("the top");
  auto& web = file["web"];
  web["list"].push("a b");
  web["list"].push(1);
  auto& item = web["items"].push();
  item["first"] = true;
  item["second"]["deep"] = "x";
  web["items"].push("plain");
  web["empty"];
  web["none"] = Yaml::list();
  web["none"].comment("nothing");
  EXPECT_EQ(file.dump(), R"(# the top
web:
  list: ["a b", 1]
  items:
    - first: true
      second:
        deep: x
    - plain
  empty: {}
  # nothing
  none: []
)");
}

TEST(Render, NamesTheNearestTarget) {
  const auto app = app_of("name = \"a\"\nprocesses.web.command = \"serve\"\n");
  const auto rendering = render("kubernets", app);
  ASSERT_FALSE(rendering);
  EXPECT_EQ(rendering.error().code(), Code::kNotFound);
  EXPECT_EQ(rendering.error().hint(), "did you mean 'kubernetes'?");
}

TEST(Render, RefusesNamesThatMeetThere) {
  const auto app = app_of(
      "name = \"a\"\nprocesses.web.command = \"serve\"\n\n[services.web]\ntype = \"redis\"\n");
  for (const auto* target : {"compose", "swarm", "kubernetes"}) {
    const auto rendering = render(target, app);
    ASSERT_FALSE(rendering);
    EXPECT_TRUE(rendering.error().message().starts_with("fairlead.toml:4:11: 'web'"))
        << rendering.error().message();
  }
  EXPECT_TRUE(render("systemd", app));
}

TEST(Render, EndsWithAReportOfItsNotes) {
  const auto app =
      app_of("name = \"a\"\nprocesses.web.command = \"serve\"\n[guard]\nstandard = true\n");
  for (const auto& target : targets()) {
    const auto rendering = render(target.name, app);
    ASSERT_TRUE(rendering);
    EXPECT_EQ(rendering->files.back().path, "FIDELITY.md");
    ASSERT_FALSE(rendering->notes.empty());
    for (const auto& note : rendering->notes)
      EXPECT_TRUE(rendering->files.back().content.contains(note.text)) << note.text;
  }
}

TEST(Render, TakesTheImageAndThePortFromTheOptions) {
  const auto app = app_of("name = \"a\"\nprocesses.web.command = \"serve\"\n");
  const auto rendering = render("compose", app, {.image = "r.example/x:7", .http_port = 80});
  ASSERT_TRUE(rendering);
  EXPECT_TRUE(rendering->files[0].content.contains("image: r.example/x:7\n"));
  EXPECT_TRUE(rendering->files[0].content.contains("ports: [\"80:8080\"]\n"));
}

}  // namespace
}  // namespace fairlead::target
