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

// `kind` is releases, deployments, builds or audit.
int run_history(const std::string& kind, const ShipOptions& options);

struct SecretsOptions {
  std::string action;  // "set", "unset", "list" or "import"
  control::EnvironmentName environment;
  std::vector<std::string> names;
  std::string state;
  bool json = false;
};
// set: values come from stdin, one a line, in the order of the names; asked for on a terminal.
// import: "NAME=value" lines of a .env file, from stdin. list shows names and versions, no values.
int run_secrets(const SecretsOptions& options);

}  // namespace fairlead::cli
