#include "cli/observe_verbs.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/strings.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "control/client.h"
#include "observe/log_source.h"

namespace fairlead::cli {

namespace {

// "90s", "10m", "2h", "1d" back from now, or a time.
Result<WallTime> parse_when(std::string_view option, const std::string& text) {
  static constexpr std::pair<char, Duration> kUnits[] = {
      {'s', 1s}, {'m', 1min}, {'h', 1h}, {'d', std::chrono::hours(24)}};
  if (!text.empty())
    for (const auto& [unit, length] : kUnits)
      if (const auto count = parse_unsigned(std::string_view(text).substr(0, text.size() - 1));
          text.back() == unit && count && *count < 100'000)
        return wall_now() - length * static_cast<long>(*count);
  auto time = control::parse_rfc3339(text);
  if (!time)
    return fail(std::move(time)
                    .error()
                    .in(std::string(option))
                    .hint("write how long ago (90s, 10m, 2h, 1d), or a time in UTC"));
  return *time;
}

Result<control::LogQuery> query_of(const LogsOptions& options) {
  control::LogQuery query{.app = options.app,
                          .environment = options.environment,
                          .release = options.release,
                          .source = options.source,
                          .replicas = options.replicas,
                          .grep = options.grep,
                          .level = options.level,
                          .request_id = options.request,
                          .tail = options.lines,
                          .follow = options.follow};
  if (!options.since.empty()) {
    TRY(query.since, parse_when("--since", options.since));
  }
  if (!options.until.empty()) {
    TRY(query.until, parse_when("--until", options.until));
  }
  if (!options.status.empty()) {
    TRY(const auto range, control::parse_status_range(options.status));
    std::tie(query.status_from, query.status_to) = range;
  }
  return query;
}

Style style_of(const control::LogLine& line) {
  if (line.level == "error" || line.status >= 500) return Style::kRed;
  return line.level == "warn" || line.status >= 400 ? Style::kYellow : Style::kPlain;
}

bool print_line(const control::LogLine& line, bool json) {
  if (json)
    fmt::print("{}\n", control::to_json(line));
  else
    fmt::print("{} {} {}\n", styled(stdout, Style::kDim, rfc3339(line.time)),
               styled(stdout, Style::kBold, line.replica.empty() ? line.source : line.replica),
               styled(stdout, style_of(line), line.text));
  return std::ferror(stdout) == 0;
}

// What happened is there also when nothing runs any more. The lock keeps a control from starting
// meanwhile: a store has one user.
io::Task<Result<>> read_store(io::Loop& loop, StateFolders folders, control::LogQuery query,
                              std::function<bool(const control::LogLine&)> on_line) {
  CO_TRY(const auto lock, StateLock::take(folders));
  CO_TRY(const auto store, observe::LogStore::open({.folder = folders.observe() / "logs"}));
  io::Worker worker("log-search");
  auto source = observe::read_log(*store, loop, worker, std::move(query));
  for (;;) {
    CO_TRY(const auto lines, co_await source(io::Deadline::never()));
    if (lines.empty()) co_return Result<>();
    for (const auto& line : lines)
      if (!on_line(line)) co_return Result<>();
  }
}

Result<> print_logs(const LogsOptions& options) {
  TRY(auto query, query_of(options));
  TRY(const StateFolders folders, find_state(options.state, ""));
  TRY(const auto loop, io::Loop::create());
  const auto on_line = [&](const control::LogLine& line) {
    const bool more = print_line(line, options.json);
    if (options.follow) std::fflush(stdout);
    return more;
  };
  control::ControlClient client(*loop, folders.control_socket());
  auto asked = io::block_on(*loop, client.logs(query, on_line, io::Deadline::never()));
  std::error_code ignored;
  if (asked || asked.error().code() != Code::kUnavailable || options.follow ||
      !std::filesystem::exists(folders.observe() / "logs", ignored))
    return asked;
  return io::block_on(*loop, read_store(*loop, folders, std::move(query), on_line));
}

}  // namespace

int run_logs(const LogsOptions& options) {
  const auto done = print_logs(options);
  if (!done) print_error(done.error());
  return done ? 0 : 1;
}

}  // namespace fairlead::cli
