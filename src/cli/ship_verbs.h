// The verbs that ask `fairlead serve` to change something, or tell its history. Each gives the exit
// status: 0 done, 1 failed, 2 not understood, and of a deployment that failed the status of its
// cause (control::exit_code()).
#pragma once

#include <string>
#include <vector>

#include "control/orders.h"

namespace fairlead::cli {

struct ShipOptions {
  control::Order order;
  std::string folder = ".";        // deploy
  std::string release;             // rollback: "v3"
  std::vector<std::string> scale;  // "web=5"
  std::string watch;               // "30s"
  std::string state;
  bool json = false;
};

int run_order(ShipOptions options);
// `action` is "list" or "clean".
struct ArtifactsOptions {
  std::string action = "list";
  unsigned keep = 0;  // clean: releases of each environment beside the live one
  std::string state;
  bool json = false;
};
int run_artifacts(const ArtifactsOptions& options);

// Runs a command beside the replicas of the live release, with their files and variables; this
// process becomes it.
struct ExecOptions {
  control::EnvironmentName environment;
  std::vector<std::string> command;
  std::string state;
};
int run_exec(const ExecOptions& options);

// `kind` is releases, deployments, builds or audit.
int run_history(const std::string& kind, const ShipOptions& options);

struct SecretsOptions {
  std::string action;  // "set", "unset", "list", "import" or "rotate"
  control::EnvironmentName environment;
  std::vector<std::string> names;
  std::string state;
  bool json = false;
};
// set: values come from stdin, one a line, in the order of the names; asked for on a terminal.
// import: "NAME=value" lines of a .env file, from stdin. list shows names and versions, no values.
// rotate: a new key for all secrets of the app.
int run_secrets(const SecretsOptions& options);

}  // namespace fairlead::cli
