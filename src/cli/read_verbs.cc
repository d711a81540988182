#include "cli/read_verbs.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

#include "base/strings.h"
#include "cli/screen.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "config/load.h"
#include "control/client.h"
#include "io/signals.h"
#include "supervise/log_book.h"

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

namespace {

// "90s", "10m", "2h", "1d" back from now, or a time.
Result<WallTime> parse_since(const std::string& text) {
  static constexpr std::pair<char, Duration> kUnits[] = {
      {'s', 1s}, {'m', 1min}, {'h', 1h}, {'d', std::chrono::hours(24)}};
  if (!text.empty())
    for (const auto& [unit, length] : kUnits)
      if (const auto count = parse_unsigned(std::string_view(text).substr(0, text.size() - 1));
          text.back() == unit && count && *count < 100'000)
        return wall_now() - length * static_cast<long>(*count);
  auto time = control::parse_rfc3339(text);
  if (!time)
    return fail(std::move(time).error().in("--since").hint(
        "write how long ago (90s, 10m, 2h, 1d), or a time in UTC"));
  return *time;
}

bool print_line(const control::LogLine& line, bool json) {
  if (json)
    fmt::print("{}\n", control::to_json(line));
  else
    fmt::print("{} {} {}\n", styled(stdout, Style::kDim, rfc3339(line.time)),
               styled(stdout, Style::kBold, line.replica), line.text);
  return std::ferror(stdout) == 0;
}

Result<> print_logs(const LogsOptions& options) {
  control::LogQuery query{
      .replicas = options.replicas, .tail = options.lines, .follow = options.follow};
  if (!options.since.empty()) {
    TRY(query.since, parse_since(options.since));
  }
  TRY(const StateFolders folders, find_state(options.state, options.app));
  if (!options.follow) {
    // From the files: what happened is there also when nothing runs any more.
    TRY(const auto lines, supervise::read_logs(folders.logs(), query));
    for (const auto& line : lines)
      if (!print_line(line, options.json)) break;
    return {};
  }
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders.control_socket());
  const auto on_line = [&](const control::LogLine& line) {
    const bool more = print_line(line, options.json);
    std::fflush(stdout);
    return more;
  };
  return io::block_on(*loop, client.logs(std::move(query), on_line, io::Deadline::never()));
}

}  // namespace

int run_logs(const LogsOptions& options) {
  const auto done = print_logs(options);
  return done ? 0 : failed(done.error());
}

}  // namespace fairlead::cli
