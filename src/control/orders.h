// What `fairlead serve` can be asked to do and to tell beyond status and logs: values, routes and
// the client's side.
//
//   POST /v1/orders                 an Order as JSON; answers its events as NDJSON until it is done
//   GET  /v1/KIND?app=&environment= releases, deployments, builds, artifacts, audit, secrets,
//                                   doctor, exec: JSON
//   PUT  /v1/secrets?app=&environment=   {"NAME":"value", …}; null takes one out
//
// Events: {"event":"log","text":…}, {"event":"step","step":…}, and at the end
// {"event":"deployment","deployment":…}, {"event":"done","done":…} or
// {"event":"error","code":…,"message":…,"hint":…}. An order goes on when its client goes away.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "control/client.h"
#include "control/deployment.h"
#include "http/router.h"

namespace fairlead::control {

// The first four make a deployment; the others are done at once.
enum class OrderKind : std::uint8_t {
  kDeploy,
  kRollback,
  kScale,
  kRestart,
  kStop,         // no replica runs until the next deployment
  kMaintenance,  // requests are answered 503, or (on = false) served again
  kPause,        // requests wait in the edge
  kResume,
  kCleanUp,    // removes artifacts that nothing can be rolled back to
  kRotateKey,  // seals all secrets of the app anew
  kPlan,       // changes nothing: says what kDeploy would
};
std::string_view to_string(OrderKind kind);  // "clean-up"

struct Order {
  OrderKind kind = OrderKind::kDeploy;
  EnvironmentName environment;               // kDeploy: the app's name is taken from its file
  std::string folder;                        // kDeploy: the app's, absolute
  std::string artifact;                      // kDeploy: instead of building
  unsigned release = 0;                      // kRollback: 0 is the one before
  std::map<std::string, unsigned> replicas;  // kScale: by process type
  bool blue_green = false;
  std::vector<unsigned> canary;  // per cent of the requests, step by step
  bool down = false;             // kRollback: over a migration, undoing it
  bool on = true;                // kMaintenance
  unsigned spare = 0;  // kCleanUp: releases of each environment that are kept beside the live one
  Duration watch{0};
  std::string by;  // set by the server, from the peer's credentials
};

using Emit = std::function<void(std::string event)>;  // one JSON object

struct OrderHandlers {
  // Carries it out; the task ends with it. `emit` may be called until then.
  std::function<io::Task<void>(Order, Emit)> carry_out;
  // The JSON of a kind above; kNotFound for others.
  std::function<io::Task<Result<std::string>>(std::string kind, EnvironmentName)> read;
  // Values to set; nothing takes the name out.
  std::function<Result<>(EnvironmentName, std::map<std::string, std::optional<std::string>>,
                         std::string by)>
      set_secrets;
};

// `gate` owns the orders that are being carried out.
void add_order_routes(http::Router& router, io::Loop& loop, io::Gate& gate, OrderHandlers handlers);

std::string event_log(std::string_view text);
std::string event_step(const Step& step);
std::string event_deployment(const Deployment& deployment);
std::string event_done(std::string_view text, std::size_t changes = 0);
std::string event_error(const Error& error);

std::string to_json(const Order& order);
Result<Order> order_from_json(std::string_view text);

// The texts of the elements of a JSON array; nothing when it is none.
std::vector<std::string> split_array(std::string_view json);
// The body of PUT /v1/secrets.
std::string secrets_to_json(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& values);

// What is told of a secret: never its value.
struct SecretNote {
  std::string name;
  unsigned version = 0;
  std::string set_at;  // RFC 3339
};
std::string to_json(const SecretNote& secret);
Result<SecretNote> secret_from_json(std::string_view text);

// An artifact, and what needs it.
struct ArtifactNote {
  std::string digest;
  std::string app;
  std::uint64_t bytes = 0;
  std::vector<std::string> needed_by;  // "visitors/production v3 (live)", "build 17"
};
std::string to_json(const ArtifactNote& artifact);
Result<ArtifactNote> artifact_from_json(std::string_view text);

// What a command of an app needs to run beside its replicas.
struct Surround {
  std::string folder;                    // of the release's files
  std::vector<std::string> environment;  // "NAME=value", the whole of it
};
std::string to_json(const Surround& surround);
Result<Surround> surround_from_json(std::string_view text);

struct Event {
  std::string log;          // of "log"
  std::string done;         // of "done"
  std::size_t changes = 0;  // of "done", after kPlan
  std::optional<Step> step;
  std::optional<Deployment> deployment;
  std::optional<Error> error;
};
Result<Event> event_from_json(std::string_view text);

}  // namespace fairlead::control
