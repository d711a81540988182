// One function for each CI system whose files are YAML; Jenkins stands in jenkins.cc.
#include <fmt/format.h>

#include "target/pipeline.h"
#include "target/plan.h"
#include "target/renderers.h"
#include "target/yaml.h"

namespace fairlead::target {

using config::AppSpec;

namespace {

// "registry.example.com/shop:1.0.1-build.17": '+' may not stand in a tag.
std::string image_name(const AppSpec& app, std::string_view build_number) {
  return fmt::format("$REGISTRY/{}:{}-build.{}", app.name, app.version, build_number);
}

// --- GitHub ---

void add_run(Yaml& steps, const PipelineStep& step) {
  for (const auto& line : step.lines) {
    auto& item = steps.push();
    item["name"] = step.name;
    item["run"] = line;
  }
}

// A GitHub environment holds back what needs reviewers; its name is ours.
void github_deploy(Yaml& jobs, const Pipeline& pipeline, const PipelineTarget& target) {
  auto& job = jobs[fmt::format("deploy-{}", target.environment)];
  if (target.approved)
    job.comment(
        "Waits where the environment 'production' has required reviewers (Settings → "
        "Environments).");
  job["needs"] = "build";
  job["if"] =
      fmt::format("github.ref == 'refs/heads/{}' && github.event_name == 'push'", target.branch);
  job["runs-on"] = "ubuntu-latest";
  job["environment"] = target.environment;
  job["concurrency"] = fmt::format("deploy-{}", target.environment);
  auto& steps = job["steps"];
  steps.push()["uses"] = "actions/checkout@v4";
  auto& step = steps.push();
  step["name"] = "deploy";
  step["run"] = pipeline.deploy(target);
}

std::string github(const AppSpec& app, const Pipeline& pipeline) {
  Yaml file;
  file.comment(made_from(app, "github"));
  file["name"] = app.name;
  file["on"]["push"];
  file["on"]["pull_request"];
  file["permissions"]["contents"] = "read";
  file["env"]["REGISTRY"] = "${{ secrets.REGISTRY }}";
  file["env"]["FAIRLEAD_REGISTRY_USER"] = "${{ secrets.FAIRLEAD_REGISTRY_USER }}";
  file["env"]["FAIRLEAD_REGISTRY_PASSWORD"] = "${{ secrets.FAIRLEAD_REGISTRY_PASSWORD }}";
  file["env"]["IMAGE"] =
      fmt::format("${{{{ secrets.REGISTRY }}}}/{}:{}-build.${{{{ github.run_number }}}}", app.name,
                  app.version);
  auto& build = file["jobs"]["build"];
  build["runs-on"] = "ubuntu-latest";
  auto& steps = build["steps"];
  steps.push()["uses"] = "actions/checkout@v4";
  for (const auto& step : pipeline.steps) add_run(steps, step);
  std::string branches;
  for (const auto& target : pipeline.targets)
    branches += fmt::format("{}github.ref == 'refs/heads/{}'", branches.empty() ? "" : " || ",
                            target.branch);
  for (const auto& step : pipeline.release)
    for (const auto& line : step.lines) {
      auto& item = steps.push();
      item["name"] = step.name;
      item["if"] = fmt::format("github.event_name == 'push' && ({})", branches);
      item["run"] = line;
    }
  for (const auto& target : pipeline.targets) github_deploy(file["jobs"], pipeline, target);
  return file.dump();
}

// --- GitLab ---

std::string gitlab(const AppSpec& app, const Pipeline& pipeline) {
  Yaml file;
  file.comment(made_from(app, "gitlab"));
  auto& stages = file["stages"];
  for (const auto& step : pipeline.steps) stages.push(step.name);
  for (const auto& step : pipeline.release) stages.push(step.name);
  stages.push("deploy");
  file["variables"]["IMAGE"] = image_name(app, "$CI_PIPELINE_IID");
  // What the build made goes on to the steps after it.
  const auto add_artifacts = [&](Yaml& job) {
    for (const auto& entry : app.build.include)
      job["artifacts"]["paths"].push(
          (std::filesystem::path(app.build.root) / entry).lexically_normal().string());
  };
  for (const auto& step : pipeline.steps) {
    auto& job = file[step.name];
    job["stage"] = step.name;
    job["script"] = step.lines;
    if (step.name == "build") add_artifacts(job);
  }
  for (const auto& step : pipeline.release) {
    auto& job = file["push-" + step.name];  // "image" itself is a word of GitLab's
    job["stage"] = step.name;
    job["script"] = step.lines;
    for (const auto& target : pipeline.targets)
      job["rules"].push()["if"] = fmt::format("$CI_COMMIT_BRANCH == \"{}\"", target.branch);
  }
  for (const auto& target : pipeline.targets) {
    auto& job = file[fmt::format("deploy-{}", target.environment)];
    job["stage"] = "deploy";
    job["script"].push(pipeline.deploy(target));
    job["environment"]["name"] = target.environment;
    job["resource_group"] = target.environment;
    auto& rule = job["rules"].push();
    rule["if"] = fmt::format("$CI_COMMIT_BRANCH == \"{}\"", target.branch);
    if (target.approved) {
      rule["when"] = "manual";
      rule["when"].comment("Somebody must say so.");
    }
  }
  return file.dump();
}

// --- Bitbucket ---

void bitbucket_steps(Yaml& list, const AppSpec& app, const std::vector<PipelineStep>& steps) {
  for (const auto& each : steps) {
    auto& step = list.push()["step"];
    step["name"] = each.name;
    step["script"] = Yaml::list();
    if (each.name == "image")
      step["script"].push(
          fmt::format("export IMAGE=\"{}\"", image_name(app, "$BITBUCKET_BUILD_NUMBER")));
    for (const auto& line : each.lines) step["script"].push(line);
    if (each.name == "build")
      for (const auto& entry : app.build.include)
        step["artifacts"].push(
            (std::filesystem::path(app.build.root) / entry).lexically_normal().string() +
            (entry.ends_with('/') ? "**" : ""));
  }
}

// Bitbucket knows three kinds of environments.
std::string_view deployment_of(const PipelineTarget& target) {
  if (target.environment == "production" || target.environment == "staging")
    return target.environment;
  return "test";
}

std::string bitbucket(const AppSpec& app, const Pipeline& pipeline) {
  Yaml file;
  file.comment(made_from(app, "bitbucket"));
  file["image"] = "debian:bookworm";
  file["image"].comment("One that has 'fairlead' and the build's tools.");
  bitbucket_steps(file["pipelines"]["default"], app, pipeline.steps);
  for (const auto& target : pipeline.targets) {
    auto& branch = file["pipelines"]["branches"][target.branch];
    bitbucket_steps(branch, app, pipeline.steps);
    bitbucket_steps(branch, app, pipeline.release);
    auto& step = branch.push()["step"];
    step["name"] = fmt::format("deploy {}", target.environment);
    step["deployment"] = deployment_of(target);
    if (target.approved) {
      step["trigger"] = "manual";
      step["trigger"].comment("Somebody must say so.");
    }
    step["script"].push(
        fmt::format("export IMAGE=\"{}\"", image_name(app, "$BITBUCKET_BUILD_NUMBER")));
    step["script"].push(pipeline.deploy(target));
  }
  return file.dump();
}

}  // namespace

Result<> render_github(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                       Report& report) {
  const auto pipeline = pipeline_of(app, options, "$GITHUB_RUN_NUMBER");
  rendering.files.push_back(
      {fmt::format(".github/workflows/{}.yml", app.name), github(app, pipeline)});
  report_pipeline(app, pipeline, report);
  report.differs("approval",
                 "required reviewers of the environment 'production', set in the repository");
  return {};
}

Result<> render_gitlab(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                       Report& report) {
  const auto pipeline = pipeline_of(app, options, "$CI_PIPELINE_IID");
  rendering.files.push_back({".gitlab-ci.yml", gitlab(app, pipeline)});
  report_pipeline(app, pipeline, report);
  return {};
}

Result<> render_bitbucket(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                          Report& report) {
  const auto pipeline = pipeline_of(app, options, "$BITBUCKET_BUILD_NUMBER");
  rendering.files.push_back({"bitbucket-pipelines.yml", bitbucket(app, pipeline)});
  report_pipeline(app, pipeline, report);
  report.differs("environments",
                 "Bitbucket knows test, staging and production: all others are 'test'");
  return {};
}

}  // namespace fairlead::target
