// Builds, releases and deployments as the control API tells of them: plain values, and their JSON.
// Keys are only ever added.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "control/api.h"

namespace fairlead::control {

// An app's environment: "visitors/production".
struct EnvironmentName {
  std::string app;
  std::string environment;

  std::string to_string() const { return app + "/" + environment; }
  auto operator<=>(const EnvironmentName&) const = default;
};

// One run of the build command that gave an artifact.
struct Build {
  std::string app;
  unsigned number = 0;      // counts up per app
  std::string artifact;     // digest
  std::uint64_t bytes = 0;  // of the artifact
  std::string version;      // "1.0.1+build.17"
  std::string source;       // digest of the source's files
  std::string commit;       // of the source; "" without git
  bool changed = false;     // the source differed from that commit
  WallTime at{};
  Duration duration{0};
};

// Immutable: what is live when this release is.
struct Release {
  EnvironmentName environment;
  unsigned number = 0;                      // v1, v2, … per environment
  std::string artifact;                     // digest
  std::string version;                      // reaches the app as APP_VERSION
  std::string config;                       // the fairlead.toml it was made with, whole
  std::map<std::string, unsigned> secrets;  // name to version
  std::string schema;  // of its database after its release command; "" when unknown
  WallTime at{};
  std::string by;  // who made it: a user's name

  std::string name() const;  // "v3"
};

enum class DeploymentKind : std::uint8_t { kDeploy, kRollback, kScale, kRestart };
enum class DeploymentState : std::uint8_t {
  kRunning,
  kSucceeded,
  kFailed,       // before the switch: nothing changed for the users
  kRolledBack,   // after the switch: the old release serves again
  kInterrupted,  // control ended meanwhile; the next one put things right
};
// Why it did not succeed; each has an exit code of its own.
enum class DeploymentCause : std::uint8_t {
  kNone,
  kBuildFailed,
  kMigrationFailed,
  kUnhealthy,  // a replica did not become ready in time
  kWorse,      // error rate or latency after the switch
  kLeaseHeld,  // another deployment of this environment runs
  kRefused,    // it would not be safe: a schema that the release does not know
  kOther,
  kEnded,        // a replica ended: before it was ready, or while it was watched
  kOutOfMemory,  // the same, at its memory limit
  kWrongPort,    // a replica listens elsewhere
};
// What the evidence says: kUnhealthy where it says no more.
DeploymentCause cause_of(const Failure& failure);
int exit_code(DeploymentCause cause);

struct Step {
  std::string name;    // "start", "switch", "watch", …
  std::string detail;  // "web.3 is ready"
  WallTime at{};
  Duration duration{0};
};

// Requests in a period, from the edge's own counters.
struct Traffic {
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;  // answered 5xx, or not at all
  std::uint64_t retried = 0;
  std::uint64_t held = 0;  // waited while nothing was ready
  Duration p50{0};
  Duration p99{0};
};

// What a deployment did to the requests that came meanwhile.
struct Receipt {
  Traffic before;  // all that was counted until it began; times of the last period alone
  Traffic during;  // from then to the switch
  Traffic after;   // of the new release in the watch window
};

struct Deployment {
  std::uint64_t id = 0;
  EnvironmentName environment;
  DeploymentKind kind = DeploymentKind::kDeploy;
  DeploymentState state = DeploymentState::kRunning;
  DeploymentCause cause = DeploymentCause::kNone;
  unsigned from = 0;  // release; 0 for none
  unsigned to = 0;
  std::string by;
  WallTime at{};
  Duration duration{0};
  std::string message;  // the outcome in a sentence
  std::vector<Step> steps;
  std::optional<Receipt> receipt;
  std::optional<Failure> failure;  // the evidence
};

struct AuditEntry {
  WallTime at{};
  std::string by;
  std::string action;  // "deploy"
  std::string detail;  // "visitors/production v3"
};

std::string_view to_string(DeploymentKind kind);
std::string_view to_string(DeploymentState state);
std::string_view to_string(DeploymentCause cause);

std::string to_json(const Build& build);
std::string to_json(const Release& release);
std::string to_json(const Deployment& deployment);
std::string to_json(const Step& step);
std::string to_json(const Receipt& receipt);
std::string to_json(const AuditEntry& entry);
Result<Step> step_from_json(std::string_view text);
Result<Build> build_from_json(std::string_view text);
Result<Release> release_from_json(std::string_view text);
Result<Deployment> deployment_from_json(std::string_view text);
Result<AuditEntry> audit_entry_from_json(std::string_view text);

}  // namespace fairlead::control
