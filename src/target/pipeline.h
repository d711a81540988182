// What the pipelines of every CI system do: build, lint, test, coverage, image, deploy.
#pragma once

#include <string>
#include <vector>

#include "config/app_spec.h"
#include "target/report.h"
#include "target/target.h"

namespace fairlead::target {

struct PipelineStep {
  std::string name;                // "test"
  std::vector<std::string> lines;  // of shell
};

// Where a branch goes.
struct PipelineTarget {
  std::string branch, environment;
  bool approved = false;  // by a person, before
};

struct Pipeline {
  std::vector<PipelineStep> steps;      // on every branch
  std::vector<PipelineStep> release;    // on a branch that goes somewhere: the image
  std::vector<PipelineTarget> targets;  // by environment

  // The command that deploys, of an image that was pushed before.
  std::string deploy(const PipelineTarget& target) const;
  std::string deploy_to;
};

// `build_number` is how the system says it in shell: "$GITHUB_RUN_NUMBER".
Pipeline pipeline_of(const config::AppSpec& app, const RenderOptions& options,
                     std::string_view build_number);

void report_pipeline(const config::AppSpec& app, const Pipeline& pipeline, Report& report);

}  // namespace fairlead::target
