#include "target/import.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace fairlead::target {
namespace {

config::AppSpec app_of(const Imported& imported) {
  const auto loaded = config::load_text(imported.toml, "fairlead.toml");
  EXPECT_TRUE(loaded.app) << config::to_text(loaded.diagnostics) << imported.toml;
  return loaded.app.value().resolve().value();
}

bool says(const Imported& imported, Fidelity fidelity, std::string_view subject) {
  return std::ranges::any_of(imported.notes, [&](const Note& note) {
    return note.fidelity == fidelity && note.subject == subject;
  });
}

constexpr std::string_view kCompose = R"(
services:
  web_app:
    build: ./src
    command: ["gunicorn", "-b", "0.0.0.0:8000", "shop's app"]
    ports: ["8000:8000"]
    scale: 3
    mem_limit: 256m
    cpus: 0.5
    stop_grace_period: 45s
    volumes: ["./data:/data"]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:8000/healthz"]}
    environment:
      - MODE=fast
      - DATABASE_URL=postgresql://x
      - API_TOKEN=${API_TOKEN:?needed}
      - LEVEL=${LEVEL:-info}
  worker:
    image: shop:1
    command: work --all
    deploy: {replicas: 2, resources: {limits: {memory: 1.5G}}}
  db: {image: "postgres:15-alpine", volumes: ["db:/var/lib/postgresql/data"]}
  cache: {image: "docker.io/library/redis:7"}
)";

TEST(ImportCompose, KeepsWhatMeansTheSame) {
  const auto imported = import_compose(kCompose, "docker-compose.yml", "Shop_1");
  ASSERT_TRUE(imported) << imported.error().message();
  const auto app = app_of(*imported);
  EXPECT_EQ(app.name, "shop-1");
  EXPECT_EQ(app.build.root, "./src");
  const auto* web = app.process("web-app");
  ASSERT_TRUE(web);
  EXPECT_EQ(web->command, "gunicorn -b 0.0.0.0:8000 'shop'\\''s app'");
  EXPECT_EQ(web->replicas, 3u);
  EXPECT_EQ(web->memory, 256u << 20);
  EXPECT_EQ(web->cpu_millis, 500u);
  EXPECT_EQ(web->health, "/healthz");
  EXPECT_EQ(web->stop_timeout, 45s);
  EXPECT_EQ(web->env, (config::Variables{{"MODE", "fast"}, {"LEVEL", "info"}}));
  EXPECT_EQ(app.process("worker")->replicas, 2u);
  EXPECT_EQ(app.process("worker")->memory, 3u << 29);
  EXPECT_EQ(app.services.size(), 2u);
  EXPECT_EQ(app.secrets.names, std::vector<std::string>{"API_TOKEN"});
  ASSERT_EQ(app.routes.size(), 1u);
  EXPECT_EQ(app.routes[0].process, "web-app");
}

TEST(ImportCompose, SaysWhatDidNotComeAlong) {
  const auto imported = import_compose(kCompose, "docker-compose.yml", "shop").value();
  EXPECT_TRUE(says(imported, Fidelity::kMissing, "services.web_app.volumes"));
  EXPECT_TRUE(says(imported, Fidelity::kMissing, "services.web_app.build"));
  EXPECT_TRUE(says(imported, Fidelity::kMissing, "services.worker.image"));
  EXPECT_TRUE(says(imported, Fidelity::kDiffers, "services.db.image"));
  EXPECT_TRUE(says(imported, Fidelity::kCarried, "services.web_app.environment.DATABASE_URL"));
}

TEST(ImportCompose, NamesTheLineOfWhatIsWrong) {
  const auto broken = import_compose("services:\n  web: [\n", "c.yml", "a");
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message().starts_with("c.yml:3:")) << broken.error().message();
  EXPECT_FALSE(import_compose("version: 3\n", "c.yml", "a"));
  EXPECT_FALSE(import_compose("", "c.yml", "a"));
}

TEST(ImportProcfile, KeepsProcessTypes) {
  const auto imported = import_procfile(
      "web: serve --port $PORT\n# no\nrelease: migrate\n\nClock: tick\n", "Procfile", "app");
  ASSERT_TRUE(imported);
  const auto app = app_of(*imported);
  EXPECT_EQ(app.process("web")->command, "serve --port $PORT");
  EXPECT_EQ(app.process("clock")->command, "tick");
  EXPECT_EQ(app.deploy.release_command, "migrate");
  EXPECT_TRUE(import_procfile("what is this", "Procfile", "app")
                  .error()
                  .message()
                  .starts_with("Procfile:1:"));
}

}  // namespace
}  // namespace fairlead::target
