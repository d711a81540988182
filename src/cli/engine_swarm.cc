#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/engine.h"

namespace fairlead::cli {

using nlohmann::json;

namespace {

constexpr Duration kPatience = std::chrono::minutes(30);
constexpr Duration kLook = 1s;

std::string stack_of(const EngineInput& input) {
  return fmt::format("{}-{}", input.app.name, input.app.environment);
}

// One service of the stack, as the Swarm sees it.
struct Seen {
  std::string state;  // of its last update: "completed", "updating", "rollback_completed", …
  std::string message;
  std::string replicas;  // "2/2"
  std::string image;

  bool whole() const {
    const auto slash = replicas.find('/');
    return slash != std::string::npos && replicas.substr(0, slash) == replicas.substr(slash + 1);
  }
};

Result<Seen> look(Client& client, const std::string& service) {
  TRY(const auto text, client.run({"docker", "service", "inspect", service}));
  const json found = json::parse(text, nullptr, false);
  if (!found.is_array() || found.empty())
    return fail(Code::kProtocol, fmt::format("docker tells nothing of {}", service));
  Seen seen;
  const json update = found[0].value("UpdateStatus", json::object());
  seen.state = update.value("State", "");
  seen.message = update.value("Message", "");
  seen.image = found[0]["Spec"]["TaskTemplate"]["ContainerSpec"].value("Image", "");
  TRY(auto replicas, client.run({"docker", "service", "ls", "--filter", "name=" + service,
                                 "--format", "{{.Name}} {{.Replicas}}"}));
  for (const auto line : split(replicas, '\n'))
    if (line.starts_with(service + " ")) {
      const auto rest = line.substr(service.size() + 1);
      seen.replicas = rest.substr(0, rest.find(' '));
    }
  return seen;
}

// The last tasks that did not come up, with their reasons.
std::string evidence(Client& client, const std::string& service) {
  const auto tasks =
      client.run({"docker", "service", "ps", "--no-trunc", "--filter", "desired-state=shutdown",
                  "--format", "{{.Name}}: {{.CurrentState}} {{.Error}}", service});
  const auto logs = client.run({"docker", "service", "logs", "--tail", "20", service});
  return fmt::format("{}\n{}", tasks.value_or(""), logs.value_or(""));
}

// `since` is what was seen before the change: an update that had ended then says nothing of this
// one.
Result<Seen> until_settled(Client& client, const std::string& service, bool rollback) {
  const Instant end = now() + kPatience;
  std::string shown;
  while (now() < end) {
    TRY(auto seen, look(client, service));
    const auto text = fmt::format("{}: {} {}", service, seen.replicas, seen.state);
    if (text != shown) client.step(text);
    shown = text;
    if (seen.state == "paused" || (!rollback && seen.state.starts_with("rollback")))
      return fail(
          Error(Code::kUnavailable, fmt::format("the Swarm has taken {} back: {}\n{}", service,
                                                seen.message, evidence(client, service))));
    const bool moving = seen.state == "updating" || seen.state == "rollback_started";
    if (!moving && seen.whole()) return seen;
    TRY_VOID(client.wait(kLook));
  }
  return fail(Error(Code::kTimeout,
                    fmt::format("{} has not come up\n{}", service, evidence(client, service))));
}

Result<> check_secrets(Client& client, const EngineInput& input) {
  auto wanted = input.app.secrets.names;
  for (const auto& service : input.app.services)
    if (service.type == config::ServiceType::kPostgresql) wanted.emplace_back("POSTGRES_PASSWORD");
  if (wanted.empty()) return {};
  TRY(const auto text, client.run({"docker", "secret", "ls", "--format", "{{.Name}}"}));
  const auto there = split(text, '\n');
  for (const auto& name : wanted) {
    const auto full = fmt::format("{}-{}", stack_of(input), name);
    if (std::ranges::find(there, full) == there.end())
      return fail(Error(Code::kInvalid, fmt::format("the Swarm has no secret {}", full))
                      .hint(fmt::format("docker secret create {} -", full)));
  }
  return {};
}

}  // namespace

Result<EngineReceipt> deploy_to_swarm(Client& client, const EngineInput& input) {
  const auto stack = stack_of(input);
  if (input.rollback) {
    for (const auto& process : input.app.processes)
      TRY_VOID(client.show(
          {"docker", "service", "rollback", "--detach", fmt::format("{}_{}", stack, process.name)},
          kPatience));
  } else {
    TRY_VOID(check_secrets(client, input));
    client.step("telling the Swarm");
    TRY_VOID(client.show({"docker", "stack", "deploy", "--with-registry-auth", "-c",
                          (input.folder / "stack.yml").string(), stack},
                         kPatience));
  }
  EngineReceipt receipt;
  for (const auto& process : input.app.processes) {
    TRY(const auto seen,
        until_settled(client, fmt::format("{}_{}", stack, process.name), input.rollback));
    receipt.lines.push_back(
        fmt::format("{}: {} replicas of {}", process.name, seen.replicas, seen.image));
  }
  return receipt;
}

}  // namespace fairlead::cli
