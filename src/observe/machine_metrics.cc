#include "observe/machine_metrics.h"

#include <dirent.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <map>

#include "base/file.h"
#include "base/strings.h"
#include "io/tls.h"

namespace fairlead::observe {
namespace {

constexpr std::size_t kProcFile = 64 << 10;

double number(std::string_view text) {
  return static_cast<double>(parse_unsigned(trim(text)).value_or(0));
}

struct Use {
  double cpu_seconds = 0;
  double memory = 0;  // resident, bytes
  double descriptors = 0;
  double processes = 0;
};

std::size_t count_entries(const std::string& folder) {
  std::size_t count = 0;
  DIR* const entries = ::opendir(folder.c_str());
  if (entries == nullptr) return 0;
  while (const dirent* entry = ::readdir(entries))
    if (entry->d_name[0] != '.') ++count;
  ::closedir(entries);
  return count;
}

// proc(5): "PID (NAME) STATE PPID PGRP SESSION …"; the name may hold anything.
void add_use(const std::string& pid, std::map<pid_t, Use>& sessions) {
  const auto text = read_file("/proc/" + pid + "/stat", kProcFile);
  if (!text) return;  // it has ended
  const auto name_end = text->rfind(") ");
  if (name_end == std::string::npos) return;
  const auto fields = split(std::string_view(*text).substr(name_end + 2), ' ');
  if (fields.size() < 22) return;
  const auto found = sessions.find(static_cast<pid_t>(number(fields[3])));
  if (found == sessions.end()) return;
  static const double kTick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const double kPage = static_cast<double>(::sysconf(_SC_PAGESIZE));
  Use& use = found->second;
  // Its own, and that of the children it has waited for.
  for (const std::size_t field : {11, 12, 13, 14}) use.cpu_seconds += number(fields[field]) * kTick;
  use.memory += number(fields[21]) * kPage;
  use.descriptors += static_cast<double>(count_entries("/proc/" + pid + "/fd"));
  use.processes += 1;
}

std::map<pid_t, Use> use_of(std::map<pid_t, Use> sessions) {
  DIR* const processes = ::opendir("/proc");
  if (processes == nullptr) return sessions;
  while (const dirent* entry = ::readdir(processes))
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') add_use(entry->d_name, sessions);
  ::closedir(processes);
  return sessions;
}

class Samples {
 public:
  void gauge(std::string name, MetricLabels labels, double value) {
    add(std::move(name), std::move(labels), MetricKind::kGauge, value);
  }
  void counter(std::string name, MetricLabels labels, double value) {
    add(std::move(name), std::move(labels), MetricKind::kForeignCounter, value);
  }
  std::vector<ScrapedSample> take() { return std::move(samples_); }

 private:
  void add(std::string name, MetricLabels labels, MetricKind kind, double value) {
    std::ranges::sort(labels);
    samples_.push_back({{std::move(name), std::move(labels)}, kind, value});
  }
  std::vector<ScrapedSample> samples_;
};

void add_process(Samples& samples, const control::ProcessStatus& process, const Use& use,
                 MetricLabels labels) {
  const bool ready = process.state == control::ProcessState::kReady;
  samples.gauge("fairlead_replica_ready", labels, ready ? 1 : 0);
  samples.counter("fairlead_restarts", labels, process.restarts);
  if (process.pid == 0) return;
  samples.counter("fairlead_process_cpu_seconds", labels, use.cpu_seconds);
  samples.gauge("fairlead_process_memory_bytes", labels,
                process.memory > 0 ? static_cast<double>(process.memory) : use.memory);
  if (process.memory_limit > 0)
    samples.gauge("fairlead_process_memory_limit_bytes", labels,
                  static_cast<double>(process.memory_limit));
  samples.gauge("fairlead_process_open_descriptors", labels, use.descriptors);
  samples.gauge("fairlead_processes", labels, use.processes);
}

// "MemTotal:  2031616 kB"
double memory_line(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) return 0;
  text = trim(text.substr(at + key.size()));
  return number(text.substr(0, text.find(' '))) * 1024;
}

void add_machine(Samples& samples, const std::filesystem::path& folder) {
  if (const auto text = read_file("/proc/stat", kProcFile)) {
    static constexpr std::string_view kModes[] = {"user",   "nice", "system",  "idle",
                                                  "iowait", "irq",  "softirq", "steal"};
    const auto fields = split(std::string_view(*text).substr(0, text->find('\n')), ' ');
    static const double kTick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
    for (std::size_t i = 0; i < std::size(kModes) && i + 2 < fields.size(); ++i)
      samples.counter("fairlead_host_cpu_seconds", {{"mode", std::string(kModes[i])}},
                      number(fields[i + 2]) * kTick);
  }
  if (const auto text = read_file("/proc/meminfo", kProcFile)) {
    samples.gauge("fairlead_host_memory_bytes", {}, memory_line(*text, "MemTotal:"));
    samples.gauge("fairlead_host_memory_available_bytes", {}, memory_line(*text, "MemAvailable:"));
  }
  double load = 0;
  if (::getloadavg(&load, 1) == 1) samples.gauge("fairlead_host_load", {}, load);
  samples.gauge("fairlead_host_processors", {},
                static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)));
  if (struct statvfs space{}; ::statvfs(folder.c_str(), &space) == 0) {
    const auto bytes = [&](auto blocks) {
      return static_cast<double>(blocks) * static_cast<double>(space.f_frsize);
    };
    samples.gauge("fairlead_disk_free_bytes", {{"mount", folder}}, bytes(space.f_bavail));
    samples.gauge("fairlead_disk_size_bytes", {{"mount", folder}}, bytes(space.f_blocks));
  }
}

}  // namespace

std::vector<ScrapedSample> machine_samples(const control::Status& status,
                                           const std::filesystem::path& folder) {
  std::map<pid_t, Use> sessions;
  const auto want = [&](pid_t pid) {
    if (pid != 0) sessions[pid];
  };
  want(status.edge.pid);
  for (const auto& environment : status.environments)
    for (const auto& process : environment.processes) want(process.pid);
  sessions = use_of(std::move(sessions));

  Samples samples;
  add_process(samples, status.edge, sessions[status.edge.pid], {{"process", "edge"}});
  for (const auto& environment : status.environments)
    for (const auto& process : environment.processes) {
      std::string replica = process.name;
      if (const std::string suffix = "." + process.release;
          suffix.size() > 1 && replica.ends_with(suffix))
        replica.resize(replica.size() - suffix.size());
      add_process(samples, process, sessions[process.pid],
                  {{"app", environment.app},
                   {"environment", environment.environment},
                   {"process", process.type},
                   {"release", process.release},
                   {"replica", replica}});
    }
  add_machine(samples, folder);
  return samples.take();
}

std::vector<ScrapedSample> certificate_samples(const std::vector<std::filesystem::path>& files) {
  Samples samples;
  for (const auto& file : files)
    if (const auto end = io::certificate_expiry(file))
      samples.gauge("fairlead_certificate_end_seconds", {{"host", file.stem()}},
                    std::chrono::duration<double>(end->time_since_epoch()).count());
  return samples.take();
}

}  // namespace fairlead::observe
