#include "cli/doctor.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/strings.h"
#include "cli/doctor_door.h"
#include "cli/terminal.h"
#include "control/client.h"
#include "control/orders.h"
#include "io/loop.h"

namespace fairlead::cli {

using control::Finding;
using control::Verdict;

namespace {

constexpr std::uint64_t kLittleSpace = 1ull << 30;

// Asks the control of these folders; every artifact is read for it.
Result<std::string> ask(const Patient& patient, std::string target) {
  TRY(const auto loop, io::Loop::create());
  control::ControlClient client(*loop, patient.folders.control_socket());
  return io::block_on(*loop, client.get(std::move(target), io::Deadline::in(120s)));
}

void check_control(Patient& patient) {
  const auto text = ask(patient, "/v1/status");
  auto status = text ? control::status_from_json(*text) : fail(text.error());
  if (!status) return patient.bad("control", status.error().message(), status.error().hint());
  patient.status = std::move(*status);
  patient.good("control",
               fmt::format("pid {}, Fairlead {}", patient.status->pid, patient.status->version));
}

void check_edge(Patient& patient) {
  if (!patient.status) return;
  const auto& edge = patient.status->edge;
  if (edge.state == control::ProcessState::kReady)
    return patient.good("edge", fmt::format("pid {}, restarted {} times", edge.pid, edge.restarts));
  patient.bad("edge", fmt::format("it is {}", to_string(edge.state)),
              "look at its log: fairlead logs edge");
}

// What only control can tell of itself: ledger, releases, artifacts, secrets, replicas.
void check_state(Patient& patient) {
  if (!patient.status) return;
  const auto text = ask(patient, "/v1/doctor");
  if (!text) return patient.bad("state", text.error().message(), text.error().hint());
  for (const auto& element : control::split_array(*text))
    if (auto finding = control::finding_from_json(element))
      patient.findings.push_back(std::move(*finding));
}

void check_disk(Patient& patient) {
  struct statvfs disk{};
  const auto& folder = patient.folders.state;
  if (::statvfs(folder.c_str(), &disk) != 0)
    return patient.bad("disk", Error::system(folder.string()).message(), "");
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  const auto text = fmt::format("{} free in {}", human_bytes(free), folder.string());
  if (free < kLittleSpace)
    return patient.doubtful("disk", text, "make room, or run 'fairlead artifacts clean'");
  patient.good("disk", text);
}

void check_permissions(Patient& patient) {
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(patient.folders.state / "secrets", ignored)) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) != 0 || (status.st_mode & 077) == 0) continue;
    patient.bad("permissions", fmt::format("{} is open to other users", entry.path().string()),
                fmt::format("chmod go= {}", entry.path().string()));
    return;
  }
  patient.good("permissions", "secrets and their keys are the owner's alone");
}

// In the order in which they are shown; each may rely on what those before it have found.
constexpr Check kChecks[] = {check_control,     check_edge,         check_state, check_disk,
                             check_permissions, check_certificates, check_ports, check_machine};

void print(const Finding& finding) {
  static constexpr std::pair<std::string_view, Style> kMarks[] = {
      {"ok", Style::kGreen}, {"look", Style::kYellow}, {"BAD", Style::kRed}};
  const auto& [mark, style] = kMarks[static_cast<std::size_t>(finding.verdict)];
  fmt::print("{}  {:<24} {}\n", styled(stdout, style, fmt::format("{:<4}", mark)), finding.check,
             finding.text);
  if (!finding.next_step.empty()) fmt::print("      try: {}\n", finding.next_step);
}

}  // namespace

void Patient::good(std::string check, std::string text) {
  findings.push_back({std::move(check), Verdict::kGood, std::move(text), ""});
}
void Patient::doubtful(std::string check, std::string text, std::string next_step) {
  findings.push_back({std::move(check), Verdict::kDoubtful, std::move(text), std::move(next_step)});
}
void Patient::bad(std::string check, std::string text, std::string next_step) {
  findings.push_back({std::move(check), Verdict::kBad, std::move(text), std::move(next_step)});
}

int run_doctor(const DoctorOptions& options) {
  auto folders = find_state(options.state, "");
  if (!folders) {
    print_error(folders.error());
    return 1;
  }
  Patient patient{.folders = std::move(*folders)};
  for (const Check check : kChecks) check(patient);
  if (options.json)
    fmt::print("{}\n", control::to_json(patient.findings));
  else
    for (const auto& finding : patient.findings) print(finding);
  for (const auto& finding : patient.findings)
    if (finding.verdict == Verdict::kBad) return 1;
  return 0;
}

}  // namespace fairlead::cli
