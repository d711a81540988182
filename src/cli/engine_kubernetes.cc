#include <fmt/format.h>

#include "base/strings.h"
#include "cli/engine.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

constexpr Duration kPatience = std::chrono::minutes(30);

std::string seconds_text(Duration duration) {
  return fmt::format("{}s", std::chrono::ceil<std::chrono::seconds>(duration).count());
}

// The release command first: its Job and what it reads, nothing that serves.
Result<> run_release(Client& client, const std::string& name_space, const fs::path& overlay) {
  client.step("running the release command");
  std::vector<std::string> apply = {"kubectl", "-n", name_space, "apply"};
  for (const auto& entry : fs::directory_iterator(overlay)) {
    const auto name = entry.path().filename().string();
    if (name == "settings.yaml" || name == "release.yaml" || name.starts_with("service-"))
      apply.insert(apply.end(), {"-f", entry.path().string()});
  }
  const auto base = overlay.parent_path().parent_path() / "base";
  std::error_code error;
  for (fs::directory_iterator it(base, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().starts_with("service-") ||
        it->path().filename() == "release.yaml")
      apply.insert(apply.end(), {"-f", it->path().string()});
  TRY_VOID(client.show(std::move(apply), kPatience));
  const auto waited = client.show(
      {"kubectl", "-n", name_space, "wait", "--for=condition=complete", "--timeout",
       seconds_text(std::chrono::minutes(10)), "job", "-l", "app.kubernetes.io/component=release"},
      kPatience);
  if (waited) return {};
  const auto logs = client.run({"kubectl", "-n", name_space, "logs", "--tail", "50", "-l",
                                "app.kubernetes.io/component=release"});
  return fail(Error(Code::kUnavailable,
                    fmt::format("the release command did not complete; what serves was not "
                                "touched\n{}\n{}",
                                waited.error().message(), logs.value_or(""))));
}

}  // namespace

Result<EngineReceipt> deploy_to_kubernetes(Client& client, const EngineInput& input) {
  const auto name_space = fmt::format("{}-{}", input.app.name, input.app.environment);
  const auto overlay = input.folder / "overlays" / input.app.environment;
  if (!input.rollback) {
    TRY_VOID(
        client.show({"kubectl", "apply", "-f", (overlay / "namespace.yaml").string()}, kPatience));
    if (!input.app.deploy.release_command.empty())
      TRY_VOID(run_release(client, name_space, overlay));
    client.step("applying");
    TRY_VOID(client.show({"kubectl", "apply", "-k", overlay.string()}, kPatience));
  }
  EngineReceipt receipt;
  for (const auto& process : input.app.processes) {
    const auto deployment = fmt::format("deployment/{}", process.name);
    if (input.rollback)
      TRY_VOID(
          client.show({"kubectl", "-n", name_space, "rollout", "undo", deployment}, kPatience));
    client.step(fmt::format("waiting for {}", process.name));
    const auto rolled =
        client.run({"kubectl", "-n", name_space, "rollout", "status", deployment, "--timeout",
                    seconds_text(process.start_timeout * (process.replicas + 1) + 60s)},
                   kPatience);
    if (!rolled) {
      if (!input.rollback)
        static_cast<void>(client.run({"kubectl", "-n", name_space, "rollout", "undo", deployment}));
      const auto logs = client.run({"kubectl", "-n", name_space, "logs", "--tail", "20", "-l",
                                    fmt::format("app.kubernetes.io/component={}", process.name)});
      return fail(Error(Code::kUnavailable,
                        fmt::format("{} did not become ready, and was taken back\n{}\n{}",
                                    process.name, rolled.error().message(), logs.value_or(""))));
    }
    TRY(const auto seen,
        client.run({"kubectl", "-n", name_space, "get", deployment, "-o",
                    "jsonpath={.status.readyReplicas}/{.spec.replicas} replicas of "
                    "{.spec.template.spec.containers[0].image}"}));
    receipt.lines.push_back(fmt::format("{}: {}", process.name, seen));
  }
  return receipt;
}

}  // namespace fairlead::cli
