#include "cli/ship_verbs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "base/strings.h"
#include "cli/screen.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "control/client.h"
#include "io/loop.h"
#include "ship/secrets.h"

namespace fairlead::cli {

using control::Deployment;
using control::DeploymentState;

namespace {

int failed(const Error& error) {
  print_error(error);
  return 1;
}

std::string clock_time(WallTime time) { return rfc3339(time).substr(11, 8); }

std::string traffic_line(std::string_view name, const control::Traffic& traffic) {
  return fmt::format("  {:<7} {:>9} requests  {:>4} failed  {:>4} retried  p50 {:>7}  p99 {:>7}\n",
                     name, traffic.requests, traffic.failed, traffic.retried, human(traffic.p50),
                     human(traffic.p99));
}

void print_receipt(const Deployment& deployment) {
  if (deployment.receipt) {
    fmt::print("receipt\n{}{}{}", traffic_line("before", deployment.receipt->before),
               traffic_line("during", deployment.receipt->during),
               traffic_line("after", deployment.receipt->after));
  }
  fmt::print("{} in {}\n", deployment.message, human(deployment.duration));
}

// People see the steps on stderr as they happen, and the receipt on stdout; programs see the events
// as they come.
class OrderScreen {
 public:
  // A plan's lines are its answer; a build's are progress.
  OrderScreen(bool json, bool lines_are_data) : json_(json), lines_are_data_(lines_are_data) {}

  void show(std::string_view line) {
    if (json_) fmt::print("{}\n", line);
    auto event = control::event_from_json(line);
    if (!event) return;
    if (event->deployment) deployment_ = std::move(event->deployment);
    if (event->error) error_ = std::move(event->error);
    if (!event->done.empty()) done_ = std::move(event->done);
    changes_ = event->changes;
    if (json_) {
      std::fflush(stdout);
    } else if (event->step) {
      progress_.clear();
      fmt::print(stderr, "{}  {:<16} {}  {}\n", clock_time(event->step->at), event->step->name,
                 event->step->detail, styled(stderr, Style::kDim, human(event->step->duration)));
    } else if (lines_are_data_ && !event->log.empty()) {
      fmt::print("  {}\n", event->log);
    } else if (!deployment_ && !error_ && done_.empty()) {
      progress_.line(event->log);
    }
  }

  int finish() {
    progress_.clear();
    if (error_) return json_ ? 1 : failed(*error_);
    if (!done_.empty()) {
      if (!json_) fmt::print("{}\n", done_);
      return changes_ == 0 ? 0 : 2;
    }
    if (!deployment_)
      return failed(Error(Code::kClosed, "control ended before the order was done")
                        .hint("it is finished or undone when control is back: fairlead releases"));
    const bool good = deployment_->state == DeploymentState::kSucceeded;
    const int status = good ? 0 : std::max(1, control::exit_code(deployment_->cause));
    if (json_) return status;
    if (good) {
      print_receipt(*deployment_);
    } else if (deployment_->failure) {
      fmt::print(stderr, "{}", failure_page(deployment_->message, *deployment_->failure));
      fmt::print(stderr, "nothing has changed for the users: {}\n", still_serving());
    } else {
      print_error(Error(Code::kUnavailable, deployment_->message));
    }
    return status;
  }

 private:
  std::string still_serving() const {
    return deployment_->from == 0 ? "nothing was live before"
                                  : fmt::format("v{} serves", deployment_->from);
  }

  bool json_;
  bool lines_are_data_;
  Progress progress_;
  std::optional<Deployment> deployment_;
  std::optional<Error> error_;
  std::string done_;
  std::size_t changes_ = 0;
};

Result<Duration> parse_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, Duration> kUnits[] = {
      {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}};
  for (const auto& [unit, length] : kUnits)
    if (text.ends_with(unit))
      if (const auto count = parse_unsigned(text.substr(0, text.size() - unit.size()));
          count && *count < 1'000'000)
        return length * static_cast<long>(*count);
  return fail(Error(Code::kInvalid, fmt::format("'{}' is not a duration", text))
                  .hint("write 500ms, 30s or 2m"));
}

Result<> complete(ShipOptions& options) {
  auto& order = options.order;
  std::error_code error;
  if (order.kind == control::OrderKind::kDeploy || order.kind == control::OrderKind::kPlan) {
    order.folder = std::filesystem::canonical(options.folder, error);
    if (error) return fail(Code::kNotFound, fmt::format("{}: {}", options.folder, error.message()));
  }
  if (!options.watch.empty()) {
    TRY(order.watch, parse_duration(options.watch));
  }
  if (!options.release.empty()) {
    const auto number =
        parse_unsigned(std::string_view(options.release).substr(options.release[0] == 'v'));
    if (!number)
      return fail(Code::kInvalid, fmt::format("'{}' is not a release like v3", options.release));
    order.release = static_cast<unsigned>(*number);
  }
  for (const auto& text : options.scale) {
    const auto equals = text.find('=');
    const auto count = equals == std::string::npos
                           ? std::nullopt
                           : parse_unsigned(std::string_view(text).substr(equals + 1));
    if (!count || *count > 1000)
      return fail(Code::kInvalid, fmt::format("'{}' is not like web=5", text));
    order.replicas[text.substr(0, equals)] = static_cast<unsigned>(*count);
  }
  return {};
}

std::string socket_of(const std::string& state) {
  return folders_of(serve_state(state)).control_socket();
}

std::string query_of(const control::EnvironmentName& name) {
  return fmt::format("?app={}&environment={}", http::percent_encode(name.app),
                     http::percent_encode(name.environment));
}

}  // namespace

int run_order(ShipOptions options) {
  if (auto done = complete(options); !done) {
    print_error(done.error());
    return 2;
  }
  auto loop = io::Loop::create();
  if (!loop) return failed(loop.error());
  control::ControlClient client(**loop, socket_of(options.state));
  OrderScreen screen(options.json, options.order.kind == control::OrderKind::kPlan);
  const auto done = io::block_on(
      **loop, client.post_stream(
                  "/v1/orders", control::to_json(options.order),
                  [&](std::string_view line) { screen.show(line); }, io::Deadline::never()));
  return done ? screen.finish() : failed(done.error());
}

namespace {

void print_history(const std::string& kind, std::string_view json) {
  if (kind == "releases")
    for (const auto& text : control::split_array(json)) {
      const auto release = control::release_from_json(text);
      if (release)
        fmt::print("{:<5} {}  {:<20} {:.19}  by {}\n", release->name(),
                   rfc3339(release->at).substr(0, 19), release->version, release->artifact,
                   release->by);
    }
  if (kind == "deployments")
    for (const auto& text : control::split_array(json)) {
      const auto deployment = control::deployment_from_json(text);
      if (deployment)
        fmt::print("{:<5} {}  {:<8} v{} → v{}  {:<11} {:>6}  by {}  {}\n", deployment->id,
                   rfc3339(deployment->at).substr(0, 19), to_string(deployment->kind),
                   deployment->from, deployment->to, to_string(deployment->state),
                   human(deployment->duration), deployment->by, deployment->message);
    }
  if (kind == "builds")
    for (const auto& text : control::split_array(json)) {
      const auto build = control::build_from_json(text);
      if (build)
        fmt::print("{:<5} {}  {:<20} {:>10}  {:>6}  {:.19}  {:.10}{}\n", build->number,
                   rfc3339(build->at).substr(0, 19), build->version, human_bytes(build->bytes),
                   human(build->duration), build->artifact, build->commit,
                   build->changed ? " (changed)" : "");
    }
  if (kind == "artifacts")
    for (const auto& text : control::split_array(json)) {
      const auto artifact = control::artifact_from_json(text);
      if (artifact)
        fmt::print("{:.19}  {:<16} {:>10}  {}\n", artifact->digest, artifact->app,
                   human_bytes(artifact->bytes),
                   artifact->needed_by.empty()
                       ? "nothing needs it"
                       : fmt::format("{}", fmt::join(artifact->needed_by, ", ")));
    }
  if (kind == "secrets")
    for (const auto& text : control::split_array(json)) {
      const auto secret = control::secret_from_json(text);
      if (secret)
        fmt::print("{:<24} version {:<4} {}\n", secret->name, secret->version, secret->set_at);
    }
  if (kind == "audit")
    for (const auto& text : control::split_array(json)) {
      const auto entry = control::audit_entry_from_json(text);
      if (entry)
        fmt::print("{}  {:<10} {:<10} {}\n", rfc3339(entry->at).substr(0, 19), entry->by,
                   entry->action, entry->detail);
    }
}

}  // namespace

int run_history(const std::string& kind, const ShipOptions& options) {
  auto loop = io::Loop::create();
  if (!loop) return failed(loop.error());
  control::ControlClient client(**loop, socket_of(options.state));
  const auto json = io::block_on(
      **loop, client.get(fmt::format("/v1/{}{}", kind, query_of(options.order.environment)),
                         io::Deadline::in(10s)));
  if (!json) return failed(json.error());
  if (options.json)
    fmt::print("{}", *json);
  else
    print_history(kind, *json);
  return 0;
}

int run_artifacts(const ArtifactsOptions& options) {
  ShipOptions ship;
  ship.state = options.state;
  ship.json = options.json;
  if (options.action == "list") return run_history("artifacts", ship);
  ship.order.kind = control::OrderKind::kCleanUp;
  ship.order.spare = options.keep;
  return run_order(ship);
}

int run_exec(const ExecOptions& options) {
  auto loop = io::Loop::create();
  if (!loop) return failed(loop.error());
  control::ControlClient client(**loop, socket_of(options.state));
  const auto text = io::block_on(
      **loop, client.get("/v1/exec" + query_of(options.environment), io::Deadline::in(10s)));
  const auto surround = text ? control::surround_from_json(*text) : fail(text.error());
  if (!surround) return failed(surround.error());
  if (::chdir(surround->folder.c_str()) != 0)
    return failed(Error::system(fmt::format("cannot go to {}", surround->folder)));
  std::vector<char*> arguments, environment;
  for (const auto& word : options.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Its terminal is the caller's; all else is as the replicas have it.
  const char* term = std::getenv("TERM");
  const std::string terminal = fmt::format("TERM={}", term ? term : "dumb");
  for (const auto& entry : surround->environment)
    environment.push_back(const_cast<char*>(entry.c_str()));
  environment.push_back(const_cast<char*>(terminal.c_str()));
  environment.push_back(nullptr);
  for (char* entry : environment)  // execvpe() looks the program up in our PATH, not in the app's
    if (entry && std::string_view(entry).starts_with("PATH=")) ::setenv("PATH", entry + 5, 1);
  ::execvpe(arguments[0], arguments.data(), environment.data());
  return failed(Error::system(fmt::format("exec {}", options.command[0])));
}

// ---- secrets

namespace {

using SecretChange = std::vector<std::pair<std::string, std::optional<std::string>>>;

int send_secrets(const SecretsOptions& options, const SecretChange& change) {
  auto loop = io::Loop::create();
  if (!loop) return failed(loop.error());
  control::ControlClient client(**loop, socket_of(options.state));
  const auto done =
      io::block_on(**loop, client.put("/v1/secrets" + query_of(options.environment),
                                      control::secrets_to_json(change), io::Deadline::in(10s)));
  if (!done) return failed(done.error());
  fmt::print(stderr, "kept; the next release has it\n");
  return 0;
}

// Without echo on a terminal; a line of stdin otherwise.
std::string read_value(const std::string& name) {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  termios before{};
  if (terminal) {
    fmt::print(stderr, "{}: ", name);
    ::tcgetattr(STDIN_FILENO, &before);
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string value;
  std::getline(std::cin, value);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fmt::print(stderr, "\n");
  }
  return value;
}

Result<SecretChange> change_of(const SecretsOptions& options) {
  SecretChange change;
  if (options.action == "import") {
    const std::string text(std::istreambuf_iterator<char>(std::cin), {});
    TRY(const auto values, ship::parse_dotenv(text));
    for (const auto& [name, value] : values) change.emplace_back(name, value);
    return change;
  }
  if (options.names.empty()) return fail(Code::kInvalid, "no secret is named");
  for (const auto& name : options.names) {
    // As an argument it would stand in the process list and in the shell's history.
    if (name.find('=') != std::string::npos)
      return fail(Error(Code::kInvalid, "a secret's value is not given on the command line")
                      .hint(fmt::format("fairlead secrets set {}, then type or pipe the value",
                                        name.substr(0, name.find('=')))));
    change.emplace_back(name,
                        options.action == "set" ? std::optional(read_value(name)) : std::nullopt);
  }
  return change;
}

}  // namespace

int run_secrets(const SecretsOptions& options) {
  if (options.action == "rotate") {
    ShipOptions rotate;
    rotate.order.kind = control::OrderKind::kRotateKey;
    rotate.order.environment = options.environment;
    rotate.state = options.state;
    rotate.json = options.json;
    return run_order(rotate);
  }
  if (options.action == "list") {
    ShipOptions list;
    list.order.environment = options.environment;
    list.state = options.state;
    list.json = options.json;
    return run_history("secrets", list);
  }
  const auto change = change_of(options);
  if (!change) {
    print_error(change.error());
    return 2;
  }
  return send_secrets(options, *change);
}

}  // namespace fairlead::cli
