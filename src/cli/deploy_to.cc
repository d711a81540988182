#include "cli/deploy_to.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/engine.h"
#include "cli/image_verb.h"
#include "cli/render.h"
#include "cli/screen.h"
#include "config/load.h"
#include "io/loop.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

fs::path state_of(const DeployToOptions& options) {
  const fs::path folder = options.folder;
  return (fs::is_directory(folder) ? folder : folder.parent_path()) / ".fairlead";
}

fs::path rendered_folder(const DeployToOptions& options) {
  if (!options.stack.empty()) return options.stack;
  return state_of(options) / "targets" / fmt::format("{}-{}", options.engine, options.environment);
}

// '+' may not stand in a tag.
std::string tag_of(std::string version) {
  std::ranges::replace(version, '+', '-');
  return version;
}

// Builds and pushes; gives the name that the engine pulls.
Result<std::string> push_app(Client& client, const DeployToOptions& options) {
  ImageOptions image{.app = options.folder, .environment = options.environment};
  image.no_build = options.no_build;
  TRY(const auto built, build_image(image));
  std::string repository;
  if (options.engine == "ecs") {
    TRY(repository, ecs_repository(client, rendered_folder(options)));
  } else if (options.registry.empty()) {
    return fail(
        Error(Code::kInvalid, "there is no registry to push the image to")
            .hint("--registry registry.example.com/team, or --image NAME of one that was pushed"));
  } else {
    repository = fmt::format("{}/{}", options.registry, built.image.app);
  }
  const auto name = fmt::format("{}:{}", repository, tag_of(built.version));
  client.step(fmt::format("pushing {}", name));
  TRY_VOID(push_image(image, built.image.digest, name));
  return name;
}

Result<std::string> push_edge(const DeployToOptions& options) {
  if (!options.edge_image.empty()) return options.edge_image;
  if (options.registry.empty()) return std::string("fairlead-edge:" FAIRLEAD_VERSION);
  ImageOptions image{.app = options.folder, .edge = true};
  TRY(const auto built, build_image(image));
  const auto name = fmt::format("{}/fairlead-edge:{}", options.registry, tag_of(built.version));
  TRY_VOID(push_image(image, built.image.digest, name));
  return name;
}

Result<> render_for(const DeployToOptions& options, const std::string& image) {
  if (options.engine == "ecs" && !options.stack.empty()) return {};  // rendered by its owner
  RenderCommand command{.target = options.engine == "ecs" ? "terraform-ecs" : options.engine,
                        .app = options.folder,
                        .environment = options.environment,
                        .image = image,
                        .http_port = options.http_port};
  if (options.engine != "ecs") {
    TRY(command.edge_image, push_edge(options));
  }
  TRY(const auto rendering, rendered(command));
  return write_files(rendering, rendered_folder(options));
}

void print_receipt(const DeployToOptions& options, const EngineReceipt& receipt,
                   const std::string& image, Duration took) {
  if (options.json) {
    fmt::print("{}\n", nlohmann::ordered_json({{"engine", options.engine},
                                               {"environment", options.environment},
                                               {"image", image},
                                               {"rollback", options.rollback},
                                               {"processes", receipt.lines},
                                               {"seconds", took / 1ms / 1000.0}})
                           .dump(2));
    return;
  }
  fmt::print("receipt\n");
  for (const auto& line : receipt.lines) fmt::print("  {}\n", line);
  fmt::print("  requests: {} does not count them; the edge's access log does\n", options.engine);
  fmt::print("{} in {}\n", options.rollback ? "rolled back" : "deployed", human(took));
}

Result<> deploy(const DeployToOptions& options) {
  const Instant started = now();
  TRY(const auto loop, io::Loop::create());
  Progress progress;
  Client client(*loop, progress);
  EngineInput input{.folder = rendered_folder(options), .rollback = options.rollback};
  TRY(input.app, config::load_environment(options.folder, options.environment));
  if (!options.rollback) {
    input.image = options.image;
    if (input.image.empty()) {
      TRY(input.image, push_app(client, options));
    }
    TRY_VOID(render_for(options, input.image));
  }
  const auto receipt = options.engine == "swarm"        ? deploy_to_swarm(client, input)
                       : options.engine == "kubernetes" ? deploy_to_kubernetes(client, input)
                                                        : deploy_to_ecs(client, input);
  progress.clear();
  if (!receipt) return fail(Error(receipt.error()));
  print_receipt(options, *receipt, input.image, now() - started);
  return {};
}

}  // namespace

int run_deploy_to(const DeployToOptions& options) {
  const auto done = deploy(options);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

}  // namespace fairlead::cli
