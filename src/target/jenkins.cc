#include <fmt/format.h>

#include "target/lines.h"
#include "target/pipeline.h"
#include "target/plan.h"
#include "target/renderers.h"

namespace fairlead::target {

using config::AppSpec;

namespace {

// In single quotes, where Groovy replaces nothing.
std::string groovy_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

void write_step(Lines& out, const PipelineStep& step) {
  out.line("stage({}) {{", groovy_text(step.name));
  {
    const Lines::Inner inner(out);
    for (const auto& line : step.lines) out.line("sh {}", groovy_text(line));
  }
  out.line("}}");
}

void write_node(Lines& out, const AppSpec& app, const Pipeline& pipeline) {
  out.line("node {{");
  {
    const Lines::Inner node(out);
    out.line("checkout scm");
    out.line("currentBuild.displayName = \"{}+build.${{env.BUILD_NUMBER}}\"", app.version);
    for (const auto& step : pipeline.steps) write_step(out, step);
    out.line("if (environments[env.BRANCH_NAME]) {{");
    {
      const Lines::Inner inner(out);
      out.line("withEnv([\"IMAGE=${{env.REGISTRY}}/{}:{}-build.${{env.BUILD_NUMBER}}\"]) {{",
               app.name, app.version);
      {
        const Lines::Inner with(out);
        out.line(
            "withCredentials([usernamePassword(credentialsId: 'registry', usernameVariable: "
            "'FAIRLEAD_REGISTRY_USER', passwordVariable: 'FAIRLEAD_REGISTRY_PASSWORD')]) {{");
        {
          const Lines::Inner login(out);
          for (const auto& step : pipeline.release) write_step(out, step);
        }
        out.line("}}");
      }
      out.line("}}");
      out.line("stash name: 'checkout', useDefaultExcludes: false");
    }
    out.line("}}");
  }
  out.line("}}");
}

void write_deploy(Lines& out, const AppSpec& app) {
  out.line("def target = environments[env.BRANCH_NAME]");
  out.line("if (target) {{");
  {
    const Lines::Inner inner(out);
    out.comment_with("//", "Outside of a node: while somebody thinks about it, no machine waits.");
    out.line("if (target.approved) {{");
    {
      const Lines::Inner approved(out);
      out.line("stage('approve') {{");
      {
        const Lines::Inner stage(out);
        out.line("timeout(time: 1, unit: 'DAYS') {{");
        {
          const Lines::Inner limit(out);
          out.line(
              "input message: \"Deploy {} {}+build.${{env.BUILD_NUMBER}} to ${{target.name}}?\", "
              "ok: 'Deploy'",
              app.name, app.version);
        }
        out.line("}}");
      }
      out.line("}}");
    }
    out.line("}}");
    out.line("stage('deploy') {{");
    {
      const Lines::Inner stage(out);
      out.line("node {{");
      {
        const Lines::Inner node(out);
        out.line("unstash 'checkout'");
        out.line("withEnv([\"IMAGE=${{env.REGISTRY}}/{}:{}-build.${{env.BUILD_NUMBER}}\"]) {{",
                 app.name, app.version);
        {
          const Lines::Inner with(out);
          out.line("sh target.command");
        }
        out.line("}}");
      }
      out.line("}}");
    }
    out.line("}}");
  }
  out.line("}}");
}

}  // namespace

Result<> render_jenkins(const AppSpec& app, const RenderOptions& options, Rendering& rendering,
                        Report& report) {
  const auto pipeline = pipeline_of(app, options, "$BUILD_NUMBER");
  Lines out("  ");
  out.comment_with("//", made_from(app, "jenkins"));
  out.comment_with("//",
                   "A scripted pipeline, for a multibranch project. REGISTRY is a variable of the "
                   "folder or of Jenkins,");
  out.comment_with("//", "'registry' a credential with user name and password.");
  out.line("def environments = [");
  {
    const Lines::Inner inner(out);
    for (const auto& target : pipeline.targets)
      out.line("{}: [name: {}, approved: {}, command: {}],", groovy_text(target.branch),
               groovy_text(target.environment), target.approved,
               groovy_text(pipeline.deploy(target)));
  }
  out.line("]");
  out.blank();
  out.line(
      "properties([disableConcurrentBuilds(), buildDiscarder(logRotator(numToKeepStr: '50'))])");
  out.blank();
  write_node(out, app, pipeline);
  out.blank();
  write_deploy(out, app);
  rendering.files.push_back({"Jenkinsfile", out.take()});
  report_pipeline(app, pipeline, report);
  return {};
}

}  // namespace fairlead::target
