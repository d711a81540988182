#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "cli/engine.h"

namespace fairlead::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr Duration kPatience = std::chrono::minutes(45);

Result<json> outputs(Client& client, const fs::path& stack) {
  TRY(const auto text,
      client.run({"terraform", fmt::format("-chdir={}", stack.string()), "output", "-json"}));
  auto values = json::parse(text, nullptr, false);
  if (!values.is_object() || !values.contains("repository"))
    return fail(Error(Code::kInvalid, fmt::format("{} has not been applied yet", stack.string()))
                    .hint(fmt::format("fill in its variables, then: terraform -chdir={} apply",
                                      stack.string())));
  return values;
}

Result<> apply(Client& client, const fs::path& stack, const std::string& tag,
               const std::vector<std::string>& only) {
  std::vector<std::string> argv = {"terraform",
                                   fmt::format("-chdir={}", stack.string()),
                                   "apply",
                                   "-input=false",
                                   "-auto-approve",
                                   "-no-color",
                                   fmt::format("-var=image_tag={}", tag)};
  for (const auto& resource : only) argv.push_back("-target=" + resource);
  return client.show(std::move(argv), kPatience);
}

// Once, to its end, on the new image, before anything that serves has changed.
Result<> run_release(Client& client, const fs::path& stack, const std::string& tag) {
  TRY_VOID(apply(client, stack, tag, {"aws_ecs_task_definition.process"}));
  TRY(const auto values, outputs(client, stack));
  const json release = values["release"]["value"];
  if (!release.is_object()) return {};
  client.step("running the release command");
  const std::string cluster = values["cluster"]["value"];
  TRY(const auto started,
      client.run({"aws", "ecs", "run-task", "--cluster", cluster, "--launch-type", "FARGATE",
                  "--task-definition", release.value("task", ""), "--network-configuration",
                  release.value("network", ""), "--query", "tasks[0].taskArn", "--output",
                  "text"}));
  const std::string task(trim(split(started, '\n')[0]));
  TRY_VOID(client.show(
      {"aws", "ecs", "wait", "tasks-stopped", "--cluster", cluster, "--tasks", task}, kPatience));
  TRY(const auto code,
      client.run({"aws", "ecs", "describe-tasks", "--cluster", cluster, "--tasks", task, "--query",
                  "tasks[0].containers[0].exitCode", "--output", "text"}));
  if (trim(split(code, '\n')[0]) == "0") return {};
  return fail(
      Error(Code::kUnavailable,
            fmt::format("the release command ended with {}; what serves was not touched", code))
          .hint(fmt::format("its log is in CloudWatch, task {}", task)));
}

}  // namespace

Result<std::string> ecs_repository(Client& client, const fs::path& stack) {
  TRY(const auto values, outputs(client, stack));
  return values["repository"]["value"].get<std::string>();
}

Result<EngineReceipt> deploy_to_ecs(Client& client, const EngineInput& input) {
  // What runs, and what ran before: a line each.
  const auto record = input.folder / ".fairlead-images";
  const std::string text = read_file(record).value_or("");
  const auto known = split(text, '\n');
  std::string tag = input.image.substr(input.image.rfind(':') + 1);
  std::string before(known[0]);
  if (input.rollback) {
    if (known.size() < 2 || known[1].empty())
      return fail(Code::kNotFound, "nothing is known of what ran before");
    tag = known[1];
  } else if (!input.app.deploy.release_command.empty()) {
    TRY_VOID(run_release(client, input.folder, tag));
  }
  client.step("changing the services");
  TRY_VOID(apply(client, input.folder, tag, {}));
  TRY_VOID(write_file_atomically(record, fmt::format("{}\n{}\n", tag, before)));
  EngineReceipt receipt;
  for (const auto& process : input.app.processes)
    receipt.lines.push_back(fmt::format("{}: runs {}", process.name, tag));
  return receipt;
}

}  // namespace fairlead::cli
