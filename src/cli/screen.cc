#include "cli/screen.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/terminal.h"

namespace fairlead::cli {

using control::ProcessState;
using control::ProcessStatus;

namespace {

// A heading in a column of its own, then the text.
std::string row(std::string_view heading, std::string_view text) {
  return fmt::format("  {} {}\n", styled(stdout, Style::kDim, fmt::format("{:<10}", heading)),
                     text);
}

Style style_of(ProcessState state) {
  if (state == ProcessState::kReady) return Style::kGreen;
  return state == ProcessState::kCrashLoop ? Style::kRed : Style::kYellow;
}

std::string process_line(const ProcessStatus& process, std::size_t name_width) {
  std::string line = fmt::format(
      "{:<{}}  {}", process.name, name_width,
      styled(stdout, style_of(process.state), fmt::format("{:<11}", to_string(process.state))));
  if (process.pid != 0) line += fmt::format("  pid {:<7}", process.pid);
  if (process.memory > 0)
    line += fmt::format(
        "  {:>9}{}", human_bytes(process.memory),
        process.memory_limit > 0 ? fmt::format(" of {}", human_bytes(process.memory_limit)) : "");
  if (process.restarts > 0) line += fmt::format("  restarted {} times", process.restarts);
  if (!process.address.empty()) line += "  " + process.address;
  return line;
}

std::string process_rows(const std::vector<ProcessStatus>& processes, std::string_view heading) {
  std::size_t name_width = 4;
  for (const auto& process : processes) name_width = std::max(name_width, process.name.size());
  std::string rows;
  for (const auto& process : processes) {
    rows += row(std::exchange(heading, ""), process_line(process, name_width));
    if (process.failure && process.state != ProcessState::kReady)
      rows += row("", fmt::format("{}  {}", std::string(name_width, ' '), process.failure->cause));
  }
  return rows;
}

std::string common_rows(const control::Status& status) {
  std::string rows;
  for (const auto& environment : status.environments) {
    std::string_view heading = "address";
    for (const auto& url : environment.urls)
      rows += row(std::exchange(heading, ""), styled(stdout, Style::kBold, url));
    rows += process_rows(environment.processes, "replicas");
    if (!environment.store.empty()) rows += row("store", environment.store);
  }
  rows += process_rows({status.edge}, "edge");
  if (!status.dashboard.empty())
    rows += row("dashboard", styled(stdout, Style::kBold, status.dashboard));
  rows += row("logs", fmt::format("fairlead logs -f   (kept in {})", status.log_folder));
  return rows;
}

std::string notes(const control::Status& status) {
  std::string rows;
  std::string_view heading = "note";
  for (const auto& note : status.notes) rows += row(std::exchange(heading, ""), note);
  return rows;
}

}  // namespace

std::string up_screen(const control::Status& status, Duration took) {
  std::string screen = "\n";
  for (const auto& environment : status.environments)
    screen += fmt::format(
        "{} is up ({})\n\n",
        styled(stdout, Style::kBold, fmt::format("{} {}", environment.app, environment.version)),
        human(took));
  screen += common_rows(status);
  screen += row("state", fmt::format("fairlead status    (kept in {})", status.state_folder));
  screen += row("stop", "Ctrl-C");
  return screen + notes(status) + "\n";
}

std::string status_screen(const control::Status& status) {
  std::string screen;
  for (const auto& environment : status.environments)
    screen += fmt::format("{} {} ({}), up for {}\n", styled(stdout, Style::kBold, environment.app),
                          environment.version, environment.environment,
                          human(wall_now() - status.started));
  return screen + common_rows(status) + notes(status);
}

std::string failure_page(const std::string& name, const control::Failure& failure) {
  const auto line = [](std::string_view heading, std::string_view text) {
    return fmt::format("  {:<9} {}\n", heading, text);
  };
  std::string page =
      fmt::format("{} {}: {}\n", styled(stderr, Style::kRed, "fairlead:"), name, failure.cause);
  if (failure.probe) {
    const auto& probe = *failure.probe;
    page += line("probe",
                 fmt::format("{} on {}: {}", probe.request, probe.address,
                             probe.status == 0 ? probe.error : fmt::format("{}", probe.status)));
    if (!probe.location.empty()) page += line("", fmt::format("redirects to {}", probe.location));
    if (!probe.body.empty()) page += line("answer", probe.body);
  }
  if (!failure.listening.empty())
    page += line("listens", fmt::format("{}", fmt::join(failure.listening, ", ")));
  if (failure.memory_peak > 0)
    page += line("memory", human_bytes(failure.memory_peak) + " at most");
  std::string_view heading = failure.last_lines.empty() ? "" : "log";
  for (const auto& text : failure.last_lines) page += line(std::exchange(heading, ""), text);
  if (failure.last_lines.empty()) page += line("log", "(it wrote nothing)");
  if (!failure.next_step.empty())
    page += fmt::format("  {} {}\n", styled(stderr, Style::kBold, "try:"), failure.next_step);
  return page;
}

}  // namespace fairlead::cli
