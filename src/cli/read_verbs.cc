#include "cli/read_verbs.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/strings.h"
#include "cli/screen.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "config/load.h"
#include "control/client.h"

namespace fairlead::cli {

namespace {

int failed(const Error& error) {
  print_error(error);
  return 1;
}

}  // namespace

int run_version(bool json) {
  if (json)
    fmt::print("{{\"version\":\"{}\"}}\n", FAIRLEAD_VERSION);
  else
    fmt::print("fairlead {}\n", FAIRLEAD_VERSION);
  return 0;
}

int run_check(const CheckOptions& options) {
  auto loaded = config::load(options.app);
  std::vector<config::AppSpec> specs;
  if (loaded.app && options.environment.empty()) {
    for (auto& [name, spec] : loaded.app->environments) specs.push_back(spec);
  } else if (loaded.app) {
    auto spec = loaded.app->resolve(options.environment);
    if (!spec) return failed(spec.error());
    specs.push_back(std::move(*spec));
  }
  const bool good = loaded.app.has_value();
  if (options.json) {
    std::string environments;
    for (const auto& spec : specs)
      environments += fmt::format("{}\"{}\":{}", environments.empty() ? "" : ",", spec.environment,
                                  config::to_json(spec));
    fmt::print("{{\"ok\":{},\"diagnostics\":{},\"environments\":{{{}}}}}\n", good,
               config::to_json(loaded.diagnostics), environments);
    return good ? 0 : 1;
  }
  fmt::print(stderr, "{}", config::to_text(loaded.diagnostics, colours(stderr)));
  if (!good) return 1;
  for (const auto& spec : specs)
    fmt::print("{} {} ({}): {} process types, {} routes\n", spec.name, spec.version,
               spec.environment, spec.processes.size(), spec.routes.size());
  return 0;
}

namespace {

Result<std::string> ask_status(const StatusOptions& options) {
  TRY(const StateFolders folders, find_state(options.state, options.app));
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders.control_socket());
  return io::block_on(*loop, client.status_json(io::Deadline::in(5s)));
}

void print_process(std::string_view environment, const control::ProcessStatus& process) {
  fmt::print("{:<24} {:<14} {:<11} {:>8} {:>10} {:>8} {:>8}  {}\n", environment, process.name,
             to_string(process.state), process.pid == 0 ? "-" : std::to_string(process.pid),
             process.memory == 0 ? "-" : human_bytes(process.memory), process.restarts,
             human(std::chrono::duration_cast<std::chrono::seconds>(wall_now() - process.since)),
             process.address);
}

}  // namespace

int run_ps(const StatusOptions& options) {
  const auto text = ask_status(options);
  const auto status = text ? control::status_from_json(*text) : fail(text.error());
  if (!status) return failed(status.error());
  fmt::print("{}\n", styled(stdout, Style::kBold,
                            fmt::format("{:<24} {:<14} {:<11} {:>8} {:>10} {:>8} {:>8}  {}",
                                        "environment", "process", "state", "pid", "memory",
                                        "restarts", "since", "address")));
  print_process("", status->edge);
  for (const auto& environment : status->environments)
    for (const auto& process : environment.processes)
      print_process(fmt::format("{}/{}", environment.app, environment.environment), process);
  return 0;
}

int run_status(const StatusOptions& options) {
  const auto text = ask_status(options);
  if (!text) return failed(text.error());
  if (options.json) {
    fmt::print("{}\n", trim(text->substr(0, text->find('\n'))));
    return 0;
  }
  const auto status = control::status_from_json(*text);
  if (!status) return failed(status.error());
  fmt::print("{}", status_screen(*status));
  return 0;
}

}  // namespace fairlead::cli
