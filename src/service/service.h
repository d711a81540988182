// What every service is made of: main(), configuration, health, metrics, logs, draining. A service
// brings a Definition and an App.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "http/router.h"
#include "service/client_address.h"
#include "service/environment.h"
#include "store/migrations.h"
#include "store/url.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace fairlead::service {

// One running service, on one loop's thread.
class App {
 public:
  virtual ~App() = default;
  // Whether the store answers: /readyz.
  virtual io::Task<Result<>> ready(io::Deadline deadline) = 0;
  // What it counts, for /metrics.
  virtual void add_metrics(telemetry::MetricsText& text) const = 0;
  // Before destruction: when the last request has been answered.
  virtual io::Task<void> close() = 0;
};

// What an App is made in; outlives it.
struct Context {
  io::Loop& loop;
  const Environment& environment;
  telemetry::Log& log;
  const TrustedProxies& trusted;
  http::Router& router;  // the app adds its routes; /healthz, /readyz, /metrics are there
};

// A word of the command line beside serve, migrate, version and help.
struct Verb {
  std::string_view name;
  std::string_view usage;  // "load FILE|-  [--skip-bad FILE]"
  std::function<int(const Environment&, std::vector<std::string_view> arguments)> run;  // exit code
};

struct Definition {
  std::string_view name;     // "visitors": the program's
  std::string_view summary;  // one line
  std::string_view version;  // built in; APP_VERSION overrides it
  std::string_view openapi;  // the document at /openapi.json
  // Makes the App and its routes. Errors end the program with their text: configuration that is
  // wrong. A store that is down is no error here.
  std::function<Result<std::unique_ptr<App>>(Context&)> make;
  // The SQL schema and where the database is; nothing where there is none to migrate.
  store::Migrations migrations = {};
  std::function<Result<std::optional<store::DatabaseUrl>>(const Environment&)> database = {};
  std::vector<Verb> verbs = {};
  bool lambda = false;  // with AWS_LAMBDA_RUNTIME_API set, `serve` is a Lambda function (lambda.h)
};

// main(): serve (also without a word), migrate [up|down|status], version, help, and the
// definition's own. Exit codes: 0, 1 failed, 2 usage or configuration.
//
// serve listens on HOST:PORT, and on the Unix socket FAIRLEAD_SOCKET where that is set (without
// PORT on that alone). An SQLite database is the program's own and is migrated first; any other is
// migrated by `migrate` alone. SIGTERM and SIGINT drain.
int run(int argc, char** argv, const Definition& definition);

// DATABASE_URL, if it is set.
Result<std::optional<store::DatabaseUrl>> database_from_environment(const Environment& environment);
// The version to show: APP_VERSION or the one built in. kInvalid unless it is SemVer 2.0.0.
Result<std::string> version_from_environment(const Environment& environment,
                                             std::string_view built_in);

// 503 with Retry-After, as a problem document: for a store that failed.
http::Response store_unavailable(const Error& why);

}  // namespace fairlead::service
