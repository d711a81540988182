#include "cli/top.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/state.h"
#include "cli/terminal.h"
#include "control/client.h"

namespace fairlead::cli {

namespace {

using nlohmann::json;

constexpr Duration kEvery = 2s;

// What one look at a running Fairlead gives.
struct Picture {
  control::Status status;
  std::map<std::string, double> numbers;  // by query and labels: "rate shop/production"
  json alerts;
};

double last(const json& values) {
  for (auto value = values.rbegin(); value != values.rend(); ++value)
    if (value->is_number()) return value->get<double>();
  return NAN;
}

struct Question {
  const char* name;   // of the number
  const char* query;  // of /v1/metrics/query
};
constexpr Question kQuestions[] = {
    {"rate", "name=fairlead_edge_requests&reduce=rate&by=app&by=environment"},
    {"failed", "name=fairlead_edge_requests&reduce=rate&label=class:5xx&by=app&by=environment"},
    {"p50",
     "name=fairlead_edge_request_duration_seconds&quantile=0.5&step=60&by=app&by=environment"},
    {"p99",
     "name=fairlead_edge_request_duration_seconds&quantile=0.99&step=60&by=app&by=environment"},
    {"cpu", "name=fairlead_process_cpu_seconds&reduce=rate&by=app&by=environment&by=replica"},
    {"busy", "name=fairlead_host_cpu_seconds&reduce=rate&by=mode"},
    {"load", "name=fairlead_host_load&reduce=last"},
    {"memory", "name=fairlead_host_memory_bytes&reduce=last"},
    {"available", "name=fairlead_host_memory_available_bytes&reduce=last"},
    {"disk", "name=fairlead_disk_free_bytes&reduce=last"},
};

Result<Picture> look(io::Loop& loop, control::ControlClient& client) {
  const auto get = [&](std::string target) {
    return io::block_on(loop, client.get(std::move(target), io::Deadline::in(5s)));
  };
  Picture picture;
  TRY(const auto status, get("/v1/status"));
  TRY(picture.status, control::status_from_json(status));
  TRY(const auto alerts, get("/v1/alerts"));
  picture.alerts = json::parse(alerts, nullptr, false);
  const auto since = http::percent_encode(rfc3339(wall_now() - 1min));
  for (const auto& question : kQuestions) {
    TRY(const auto text, get(fmt::format("/v1/metrics/query?since={}&{}", since, question.query)));
    const auto result = json::parse(text, nullptr, false);
    if (!result.is_object()) continue;
    for (const auto& group : result.at("groups")) {
      std::string key = question.name;
      for (const char* label : {"app", "environment", "replica", "mode"})
        if (const auto value = group.at("labels").value(label, ""); !value.empty())
          key += " " + value;
      picture.numbers[key] = last(group.at("values"));
    }
  }
  return picture;
}

double number(const Picture& picture, const std::string& key) {
  const auto found = picture.numbers.find(key);
  return found == picture.numbers.end() || std::isnan(found->second) ? 0 : found->second;
}

std::string time_text(double seconds) {
  return seconds > 0
             ? human(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)))
             : "-";
}

std::string bar(double share, int width) {
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  std::string text;
  for (int i = 0; i < width; ++i) text += i < full ? "█" : "░";
  const auto style = share > 0.9 ? Style::kRed : share > 0.7 ? Style::kYellow : Style::kGreen;
  return styled(stdout, style, text);
}

std::string machine_lines(const Picture& picture) {
  double all = 0, idle = 0;
  for (const auto& [key, value] : picture.numbers)
    if (key.starts_with("busy ") && !std::isnan(value)) {
      all += value;
      if (key == "busy idle" || key == "busy iowait") idle += value;
    }
  const double memory = number(picture, "memory"), available = number(picture, "available");
  const double busy = all > 0 ? 1 - idle / all : 0;
  const double used = memory > 0 ? 1 - available / memory : 0;
  return fmt::format("cpu {} {:3.0f}%   memory {} {:3.0f}% of {}   load {:.2f}   disk free {}\n",
                     bar(busy, 16), busy * 100, bar(used, 16), used * 100,
                     human_bytes(static_cast<std::uint64_t>(memory)), number(picture, "load"),
                     human_bytes(static_cast<std::uint64_t>(number(picture, "disk"))));
}

std::string process_line(const Picture& picture, const std::string& where,
                         const control::ProcessStatus& process) {
  std::string replica = process.name;
  if (const auto suffix = "." + process.release; suffix.size() > 1 && replica.ends_with(suffix))
    replica.resize(replica.size() - suffix.size());
  const auto style = process.state == control::ProcessState::kReady       ? Style::kGreen
                     : process.state == control::ProcessState::kCrashLoop ? Style::kRed
                                                                          : Style::kYellow;
  return fmt::format("  {:<18} {} {:>6.1f}% {:>11} {:>9} {:>8}\n", process.name,
                     styled(stdout, style, fmt::format("{:<12}", to_string(process.state))),
                     number(picture, fmt::format("cpu {} {}", where, replica)) * 100,
                     process.memory > 0 ? human_bytes(process.memory) : "-", process.restarts,
                     process.pid);
}

std::string draw(const Picture& picture) {
  const auto& status = picture.status;
  std::string text =
      fmt::format("{} {}   up {}   edge {}\n", styled(stdout, Style::kBold, "fairlead"),
                  status.version, human(wall_now() - status.started), to_string(status.edge.state));
  text += machine_lines(picture);
  if (picture.alerts.is_object())
    for (const auto& alert : picture.alerts.at("alerts"))
      if (alert.value("state", "") == "firing")
        text += styled(stdout, Style::kRed,
                       fmt::format("{}: {}", alert.value("rule", ""), alert.value("summary", ""))) +
                "\n";
  for (const auto& environment : status.environments) {
    const auto where = environment.app + " " + environment.environment;
    const double rate = number(picture, "rate " + where);
    const double failed = number(picture, "failed " + where);
    text += fmt::format(
        "\n{}  {:.1f} requests/s  {}  p50 {}  p99 {}\n",
        styled(stdout, Style::kBold, environment.app + "/" + environment.environment), rate,
        styled(stdout, failed > 0 ? Style::kRed : Style::kPlain,
               fmt::format("{:.2f}% failed", rate > 0 ? failed / rate * 100 : 0)),
        time_text(number(picture, "p50 " + where)), time_text(number(picture, "p99 " + where)));
    text += styled(stdout, Style::kDim,
                   fmt::format("  {:<18} {:<12} {:>7} {:>11} {:>9} {:>8}\n", "replica", "state",
                               "cpu", "memory", "restarts", "pid"));
    for (const auto& process : environment.processes) text += process_line(picture, where, process);
  }
  return text;
}

// The terminal while top has it: no echo, keys at once, the picture on a screen of its own.
class Screen {
 public:
  Screen() {
    ::tcgetattr(0, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    ::tcsetattr(0, TCSANOW, &raw);
    fmt::print("\x1b[?1049h\x1b[?25l");
  }
  ~Screen() {
    fmt::print("\x1b[?25h\x1b[?1049l");
    std::fflush(stdout);
    ::tcsetattr(0, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;

  void show(std::string_view text) {
    winsize size{};
    ::ioctl(1, TIOCGWINSZ, &size);
    int rows = size.ws_row > 1 ? size.ws_row - 1 : 40;
    fmt::print("\x1b[H");
    for (const auto line : split(text, '\n')) {
      if (rows-- == 0) break;
      fmt::print("{}\x1b[K\n", line);
    }
    fmt::print("{}\x1b[J", styled(stdout, Style::kDim, "q ends"));
    std::fflush(stdout);
  }
  // Whether somebody wants to end; waits at most that long.
  static bool ended_within(Duration wait) {
    pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, static_cast<int>(wait / 1ms)) <= 0) return false;
    char key = 'q';
    return ::read(0, &key, 1) <= 0 || key == 'q' || key == 3;
  }

 private:
  termios before_{};
};

Result<> watch(const TopOptions& options) {
  TRY(const StateFolders folders, find_state(options.state, ""));
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, folders.control_socket());
  TRY(auto picture, look(*loop, client));
  if (options.once || ::isatty(0) == 0 || ::isatty(1) == 0) {
    fmt::print("{}", draw(picture));
    return {};
  }
  Screen screen;
  do {
    screen.show(draw(picture));
    if (Screen::ended_within(kEvery)) return {};
    // Control may be on its way back: the last picture stays.
    if (auto next = look(*loop, client)) picture = *std::move(next);
  } while (true);
}

}  // namespace

int run_top(const TopOptions& options) {
  const auto done = watch(options);
  if (!done) print_error(done.error());
  return done ? 0 : 1;
}

}  // namespace fairlead::cli
