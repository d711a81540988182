// The engines that `deploy --to` knows: each by its own client, with argument vectors.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/terminal.h"
#include "config/app_spec.h"
#include "io/child.h"

namespace fairlead::cli {

// What a deployment is about.
struct EngineInput {
  config::AppSpec app;
  std::string image;             // as the engine pulls it
  std::filesystem::path folder;  // what was rendered for it
  bool rollback = false;
};

// Runs clients of engines, and shows what goes on.
class Client {
 public:
  explicit Client(io::Loop& loop, Progress& progress) : loop_(loop), progress_(progress) {}

  // What it wrote to stdout. kUnavailable, with what it said, when it fails; kNotFound when it is
  // not installed.
  Result<std::string> run(std::vector<std::string> argv, Duration patience = 60s);
  // The same, its lines shown as they would be on a terminal.
  Result<> show(std::vector<std::string> argv, Duration patience);
  void step(std::string text) { progress_.step(std::move(text)); }
  Result<> wait(Duration duration);

 private:
  io::Loop& loop_;
  Progress& progress_;
};

// What an engine can tell of what it did.
struct EngineReceipt {
  std::vector<std::string> lines;
};

// Each returns when the release serves; kUnavailable when the engine has taken it back, or it must
// be.
Result<EngineReceipt> deploy_to_swarm(Client& client, const EngineInput& input);
Result<EngineReceipt> deploy_to_kubernetes(Client& client, const EngineInput& input);
Result<EngineReceipt> deploy_to_ecs(Client& client, const EngineInput& input);

// The repository that the stack's images are pushed to (ecs).
Result<std::string> ecs_repository(Client& client, const std::filesystem::path& stack);

}  // namespace fairlead::cli
