#include "control/deployment.h"

#include <fmt/format.h>

#include "control/api_json.h"

namespace fairlead::control {

namespace {

constexpr std::array<std::string_view, 4> kKinds = {"deploy", "rollback", "scale", "restart"};
constexpr std::array<std::string_view, 5> kStates = {"running", "succeeded", "failed",
                                                     "rolled back", "interrupted"};
constexpr std::array<std::string_view, 11> kCauses = {
    "none",  "build failed", "migration failed", "unhealthy", "worse", "lease held", "refused",
    "other", "ended",        "out of memory",    "wrong port"};

json write(const EnvironmentName& name) {
  return {{"app", name.app}, {"environment", name.environment}};
}
void read_environment_name(const json& object, EnvironmentName& into) {
  read(object, "app", into.app);
  read(object, "environment", into.environment);
}

json write(const Step& step) {
  return {{"name", step.name},
          {"detail", step.detail},
          {"at", write_time(step.at)},
          {"duration_ns", ns(step.duration)}};
}
Step read_step(const json& object) {
  Step step;
  read(object, "name", step.name);
  read(object, "detail", step.detail);
  read_time(object, "at", step.at);
  read_duration(object, "duration_ns", step.duration);
  return step;
}

json write(const Traffic& traffic) {
  return {{"requests", traffic.requests}, {"failed", traffic.failed},  {"retried", traffic.retried},
          {"held", traffic.held},         {"p50_ns", ns(traffic.p50)}, {"p99_ns", ns(traffic.p99)}};
}
Traffic read_traffic(const json& object) {
  Traffic traffic;
  read(object, "requests", traffic.requests);
  read(object, "failed", traffic.failed);
  read(object, "retried", traffic.retried);
  read(object, "held", traffic.held);
  read_duration(object, "p50_ns", traffic.p50);
  read_duration(object, "p99_ns", traffic.p99);
  return traffic;
}

json write(const Receipt& receipt) {
  return {{"before", write(receipt.before)},
          {"during", write(receipt.during)},
          {"after", write(receipt.after)}};
}
Receipt read_receipt(const json& object) {
  return {read_traffic(object.value("before", json::object())),
          read_traffic(object.value("during", json::object())),
          read_traffic(object.value("after", json::object()))};
}

}  // namespace

std::string Release::name() const { return fmt::format("v{}", number); }

int exit_code(DeploymentCause cause) {
  switch (cause) {
    case DeploymentCause::kNone:
      return 0;
    case DeploymentCause::kBuildFailed:
      return 3;
    case DeploymentCause::kMigrationFailed:
      return 4;
    case DeploymentCause::kUnhealthy:
      return 5;
    case DeploymentCause::kWorse:
      return 6;
    case DeploymentCause::kLeaseHeld:
      return 7;
    case DeploymentCause::kRefused:
      return 8;
    case DeploymentCause::kOther:
      return 1;
    case DeploymentCause::kEnded:
      return 9;
    case DeploymentCause::kOutOfMemory:
      return 10;
    case DeploymentCause::kWrongPort:
      return 11;
  }
  return 1;
}

DeploymentCause cause_of(const Failure& failure) {
  switch (failure.kind) {
    case FailureKind::kExited:
      return DeploymentCause::kEnded;
    case FailureKind::kOutOfMemory:
      return DeploymentCause::kOutOfMemory;
    case FailureKind::kWrongPort:
      return DeploymentCause::kWrongPort;
    case FailureKind::kNotReady:
    case FailureKind::kOther:
      return DeploymentCause::kUnhealthy;
  }
  return DeploymentCause::kUnhealthy;
}

std::string_view to_string(DeploymentKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view to_string(DeploymentState state) {
  return kStates[static_cast<std::size_t>(state)];
}
std::string_view to_string(DeploymentCause cause) {
  return kCauses[static_cast<std::size_t>(cause)];
}

std::string to_json(const Build& build) {
  return dump({{"app", build.app},
               {"number", build.number},
               {"artifact", build.artifact},
               {"bytes", build.bytes},
               {"version", build.version},
               {"source", build.source},
               {"commit", build.commit},
               {"changed", build.changed},
               {"at", write_time(build.at)},
               {"duration_ns", ns(build.duration)}});
}

Result<Build> build_from_json(std::string_view text) {
  return parse<Build>("a build", text, [](const json& object, Build& build) {
    read(object, "app", build.app);
    read(object, "number", build.number);
    read(object, "artifact", build.artifact);
    read(object, "bytes", build.bytes);
    read(object, "version", build.version);
    read(object, "source", build.source);
    read(object, "commit", build.commit);
    read(object, "changed", build.changed);
    read_time(object, "at", build.at);
    read_duration(object, "duration_ns", build.duration);
  });
}

std::string to_json(const Release& release) {
  json object = write(release.environment);
  object.update({{"number", release.number},
                 {"artifact", release.artifact},
                 {"version", release.version},
                 {"config", release.config},
                 {"secrets", release.secrets},
                 {"schema", release.schema},
                 {"at", write_time(release.at)},
                 {"by", release.by}});
  return dump(object);
}

Result<Release> release_from_json(std::string_view text) {
  return parse<Release>("a release", text, [](const json& object, Release& release) {
    read_environment_name(object, release.environment);
    read(object, "number", release.number);
    read(object, "artifact", release.artifact);
    read(object, "version", release.version);
    read(object, "config", release.config);
    read(object, "secrets", release.secrets);
    read(object, "schema", release.schema);
    read_time(object, "at", release.at);
    read(object, "by", release.by);
  });
}

std::string to_json(const Step& step) { return dump(write(step)); }
std::string to_json(const Receipt& receipt) { return dump(write(receipt)); }

std::string to_json(const AuditEntry& entry) {
  return dump({{"at", write_time(entry.at)},
               {"by", entry.by},
               {"action", entry.action},
               {"detail", entry.detail}});
}

std::string to_json(const Deployment& deployment) {
  json steps = json::array();
  for (const auto& step : deployment.steps) steps.push_back(write(step));
  json object = write(deployment.environment);
  object.update({{"id", deployment.id},
                 {"kind", to_string(deployment.kind)},
                 {"state", to_string(deployment.state)},
                 {"cause", to_string(deployment.cause)},
                 {"from", deployment.from},
                 {"to", deployment.to},
                 {"by", deployment.by},
                 {"at", write_time(deployment.at)},
                 {"duration_ns", ns(deployment.duration)},
                 {"message", deployment.message},
                 {"steps", steps},
                 {"receipt", deployment.receipt ? write(*deployment.receipt) : json(nullptr)},
                 {"failure", deployment.failure ? write(*deployment.failure) : json(nullptr)}});
  return dump(object);
}

Result<Deployment> deployment_from_json(std::string_view text) {
  return parse<Deployment>("a deployment", text, [](const json& object, Deployment& deployment) {
    read_environment_name(object, deployment.environment);
    read(object, "id", deployment.id);
    read_name(object, "kind", kKinds, deployment.kind);
    read_name(object, "state", kStates, deployment.state);
    read_name(object, "cause", kCauses, deployment.cause);
    read(object, "from", deployment.from);
    read(object, "to", deployment.to);
    read(object, "by", deployment.by);
    read_time(object, "at", deployment.at);
    read_duration(object, "duration_ns", deployment.duration);
    read(object, "message", deployment.message);
    for (const auto& step : object.value("steps", json::array()))
      deployment.steps.push_back(read_step(step));
    if (object.contains("receipt") && object["receipt"].is_object())
      deployment.receipt = read_receipt(object["receipt"]);
    if (object.contains("failure") && object["failure"].is_object())
      deployment.failure = read_failure(object["failure"]);
  });
}

Result<Step> step_from_json(std::string_view text) {
  return parse<Step>("a step", text,
                     [](const json& object, Step& step) { step = read_step(object); });
}

Result<AuditEntry> audit_entry_from_json(std::string_view text) {
  return parse<AuditEntry>("an audit entry", text, [](const json& object, AuditEntry& entry) {
    read_time(object, "at", entry.at);
    read(object, "by", entry.by);
    read(object, "action", entry.action);
    read(object, "detail", entry.detail);
  });
}

}  // namespace fairlead::control
