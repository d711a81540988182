#include "target/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "target/plan.h"

namespace fairlead::target {

using config::AppSpec;

namespace {

// Where nothing else is said.
std::string branch_of(const AppSpec& app) {
  if (!app.branch.empty()) return app.branch;
  if (app.environment == "production") return "master";
  if (app.environment == "dev") return "development";
  return app.environment;
}

void add_step(std::vector<PipelineStep>& steps, std::string name, const AppSpec& app,
              const std::string& command) {
  if (command.empty()) return;
  PipelineStep step{std::move(name), {}};
  // In parentheses: the folder is this command's alone.
  if (app.build.root == ".")
    step.lines.push_back(command);
  else
    step.lines.push_back(fmt::format("(cd '{}' && {})", app.build.root, command));
  steps.push_back(std::move(step));
}

}  // namespace

std::string Pipeline::deploy(const PipelineTarget& target) const {
  return fmt::format("fairlead deploy --to {} -e {} --image \"$IMAGE\"", deploy_to,
                     target.environment);
}

Pipeline pipeline_of(const AppSpec& app, const RenderOptions& options,
                     std::string_view build_number) {
  Pipeline pipeline{.deploy_to = options.deploy_to};
  add_step(pipeline.steps, "build", app, app.build.command);
  pipeline.steps.push_back({"lint", {"fairlead check"}});
  if (!app.build.lint.empty()) {
    add_step(pipeline.steps, "lint", app, app.build.lint);
    pipeline.steps[pipeline.steps.size() - 2].lines.push_back(pipeline.steps.back().lines[0]);
    pipeline.steps.pop_back();
  }
  add_step(pipeline.steps, "test", app, app.build.test);
  add_step(pipeline.steps, "coverage", app, app.build.coverage);
  pipeline.release.push_back(
      {"image",
       {fmt::format("fairlead image build --no-build --build-number \"{}\"", build_number),
        "fairlead image push \"$IMAGE\""}});
  for (const auto* one : environments_of(app, options))
    pipeline.targets.push_back({.branch = branch_of(*one),
                                .environment = one->environment,
                                .approved = one->environment == "production"});
  return pipeline;
}

void report_pipeline(const AppSpec& app, const Pipeline& pipeline, Report& report) {
  report.carried("build.command", "on every branch");
  for (const auto& [key, command] :
       {std::pair("build.lint", &app.build.lint), std::pair("build.test", &app.build.test),
        std::pair("build.coverage", &app.build.coverage)}) {
    if (command->empty())
      report.missing(key, "fairlead.toml names no such command, so there is no such step");
    else
      report.carried(key, "a step of its own, on every branch");
  }
  for (const auto& target : pipeline.targets)
    report.carried(fmt::format("environments.{}", target.environment),
                   fmt::format("the branch '{}' goes there{}", target.branch,
                               target.approved ? ", after somebody has agreed" : ""));
  report.carried("deploy.release_command", "on every deployment, by 'fairlead deploy'");
  report.carried("version", "counted up by the system's own build number");
  report.missing("agents", "where it runs, 'fairlead' and the build's tools must be installed");
  report.missing("secrets",
                 "set REGISTRY, FAIRLEAD_REGISTRY_USER and FAIRLEAD_REGISTRY_PASSWORD there, and "
                 "what the engine's client needs");
}

}  // namespace fairlead::target
