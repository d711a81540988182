#include "supervise/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace fairlead::supervise {

namespace {

constexpr const char* kControllers[] = {"memory", "cpu", "pids"};

Result<> write_control(const std::string& file, std::string_view value) {
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno(file);
  if (::write(fd.get(), value.data(), value.size()) < 0) return fail_errno(file);
  return {};
}

std::string read_control(const std::string& file) { return read_file(file, 1 << 20).value_or(""); }

Result<> make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(folder);
  return {};
}

// The number after "name " in a file of such lines, or the whole file when `name` is empty.
std::uint64_t number_in(const std::string& file, std::string_view name) {
  const std::string content = read_control(file);
  for (auto line : split(content, '\n')) {
    if (!name.empty()) {
      if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ' ')
        continue;
      line.remove_prefix(name.size() + 1);
    }
    return parse_unsigned(trim(line)).value_or(0);
  }
  return 0;
}

std::vector<std::string> subfolders(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (entry.is_directory(ignored)) found.push_back(entry.path());
  return found;
}

std::vector<pid_t> members_of(const std::string& folder) {
  std::vector<pid_t> pids;
  const std::string content = read_control(folder + "/cgroup.procs");
  for (const auto line : split(content, '\n'))
    if (const auto pid = parse_unsigned(line)) pids.push_back(static_cast<pid_t>(*pid));
  return pids;
}

// Members may fork while they are being killed, so it looks again until none is left.
void kill_all(const std::string& folder) {
  for (int round = 0; round < 200; ++round) {
    const auto pids = members_of(folder);
    if (pids.empty()) return;
    if (!write_control(folder + "/cgroup.kill", "1"))  // v2, Linux 5.14
      for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace

std::vector<std::string> Cgroup::procs_files() const {
  std::vector<std::string> files;
  for (const auto& [controller, folder] : folders_) {
    files.push_back(folder + "/cgroup.procs");
    if (v2_) break;  // one folder serves all controllers
  }
  return files;
}

std::uint64_t Cgroup::memory_now() const {
  const auto memory = folders_.find("memory");
  if (memory == folders_.end()) return 0;
  return number_in(memory->second + (v2_ ? "/memory.current" : "/memory.usage_in_bytes"), "");
}

std::uint64_t Cgroup::memory_peak() const {
  const auto memory = folders_.find("memory");
  if (memory == folders_.end()) return 0;
  return number_in(memory->second + (v2_ ? "/memory.peak" : "/memory.max_usage_in_bytes"), "");
}

std::uint64_t Cgroup::oom_kills() const {
  const auto memory = folders_.find("memory");
  if (memory == folders_.end()) return 0;
  return number_in(memory->second + (v2_ ? "/memory.events" : "/memory.oom_control"), "oom_kill");
}

std::vector<pid_t> Cgroup::members() const {
  return folders_.empty() ? std::vector<pid_t>() : members_of(folders_.begin()->second);
}

void Cgroup::kill() const {
  if (!folders_.empty()) kill_all(folders_.begin()->second);
}

Result<> Cgroup::remove() {
  for (auto it = folders_.begin(); it != folders_.end(); it = folders_.erase(it))
    if (::rmdir(it->second.c_str()) != 0 && errno != ENOENT)
      return fail_errno(fmt::format("cannot remove {}", it->second));
  return {};
}

CgroupTree CgroupTree::find(std::string_view instance) {
  CgroupTree tree;
  tree.instance_ = fmt::format("fairlead-{}", instance);
  for (const auto* name : kControllers)
    tree.controllers_[name].missing = "this machine has no such cgroup controller";

  // /proc/mounts: "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0"; /proc/self/cgroup:
  // "4:memory:/path", and "0::/path" for v2.
  const std::string mounts = read_control("/proc/self/mounts");
  const std::string own = read_control("/proc/self/cgroup");
  for (const auto mount_line : split(mounts, '\n')) {
    const auto mount = split(mount_line, ' ');
    if (mount.size() < 4 || !mount[2].starts_with("cgroup")) continue;
    const auto options = split(mount[3], ',');
    for (const auto own_line : split(own, '\n')) {
      const auto first = own_line.find(':');
      const auto second = own_line.find(':', first + 1);
      if (second == std::string_view::npos) continue;
      const auto names = own_line.substr(first + 1, second - first - 1);
      const std::string path(own_line.substr(second + 1));
      if (mount[2] == "cgroup2" && names.empty()) {
        tree.find_v2(std::string(mount[1]), path);
      } else if (mount[2] == "cgroup" && !names.empty()) {
        for (const auto name : split(names, ','))
          if (std::ranges::find(options, name) != options.end())
            tree.find_v1(std::string(name), std::string(mount[1]), path);
      }
    }
  }
  return tree;
}

void CgroupTree::find_v1(const std::string& controller, const std::string& mount,
                         const std::string& own) {
  const auto known = controllers_.find(controller);
  if (known == controllers_.end()) return;
  const std::string folder = fmt::format("{}{}/{}", mount, own == "/" ? "" : own, instance_);
  if (auto made = make_folder(folder); !made)
    known->second.missing = made.error().message();
  else
    known->second.folder = folder;
}

void CgroupTree::find_v2(const std::string& mount, const std::string& own) {
  std::string parent = mount + (own == "/" ? "" : own);
  const std::string offered = read_control(parent + "/cgroup.controllers");
  std::vector<std::string> wanted;
  for (const auto word : split(trim(std::string_view(offered).substr(0, offered.find('\n'))), ' '))
    if (controllers_.contains(word)) wanted.emplace_back(word);
  if (wanted.empty()) return;
  const std::string enable = fmt::format("+{}", fmt::join(wanted, " +"));

  // A cgroup either has processes or hands controllers down (the root alone may do both). So we
  // move into a leaf when we are alone here, as in a service or scope of our own with Delegate=yes.
  auto enabled = write_control(parent + "/cgroup.subtree_control", enable);
  const std::string leaf = parent + "/" + instance_ + "-control";
  if (!enabled && members_of(parent) == std::vector<pid_t>{::getpid()} && make_folder(leaf) &&
      write_control(leaf + "/cgroup.procs", "0"))
    enabled = write_control(parent + "/cgroup.subtree_control", enable);
  // As root in somebody's login session: beside the sessions, where only root may.
  if (!enabled && ::geteuid() == 0) {
    parent = mount;
    enabled = write_control(parent + "/cgroup.subtree_control", enable);
  }
  const std::string folder = parent + "/" + instance_;
  if (enabled) enabled = make_folder(folder);
  if (enabled) enabled = write_control(folder + "/cgroup.subtree_control", enable);
  for (const auto& name : wanted) {
    if (enabled) {
      controllers_[name].folder = folder;
      v2_ = true;
    } else {
      controllers_[name].missing =
          fmt::format("{} (run it under 'systemd-run --user --scope -p Delegate=yes')",
                      enabled.error().message());
    }
  }
}

Result<Cgroup> CgroupTree::make(std::string_view name, const Limits& limits) const {
  Cgroup cgroup;
  cgroup.v2_ = v2_;
  for (const auto& [controller, place] : controllers_) {
    if (place.folder.empty()) continue;
    const std::string folder = fmt::format("{}/{}", place.folder, name);
    kill_all(folder);
    ::rmdir(folder.c_str());  // counters start at zero again
    TRY_VOID(make_folder(folder));
    cgroup.folders_[controller] = folder;
  }
  if (auto applied = apply(cgroup, limits); !applied) {
    [[maybe_unused]] auto removed = cgroup.remove();
    return fail(std::move(applied).error().in(fmt::format("cannot limit {}", name)));
  }
  return cgroup;
}

Cgroup CgroupTree::open(std::string_view name) const {
  Cgroup cgroup;
  cgroup.v2_ = v2_;
  for (const auto& [controller, place] : controllers_) {
    const std::string folder = fmt::format("{}/{}", place.folder, name);
    std::error_code ignored;
    if (!place.folder.empty() && std::filesystem::is_directory(folder, ignored))
      cgroup.folders_[controller] = folder;
  }
  return cgroup;
}

Result<> CgroupTree::apply(const Cgroup& cgroup, const Limits& limits) const {
  const auto folder = [&](const char* controller) -> std::optional<std::string> {
    const auto found = cgroup.folders_.find(controller);
    if (found == cgroup.folders_.end()) return std::nullopt;
    return found->second;
  };
  if (const auto memory = folder("memory"); memory && limits.memory > 0) {
    TRY_VOID(write_control(*memory + (v2_ ? "/memory.max" : "/memory.limit_in_bytes"),
                           std::to_string(limits.memory)));
    // Swapping would only turn a clear end into a slow one. Not every kernel has these two.
    [[maybe_unused]] auto swap = v2_ ? write_control(*memory + "/memory.swap.max", "0")
                                     : write_control(*memory + "/memory.memsw.limit_in_bytes",
                                                     std::to_string(limits.memory));
    // A replica is ended as a whole: half of one answers wrongly.
    [[maybe_unused]] auto group =
        v2_ ? write_control(*memory + "/memory.oom.group", "1") : Result<>();
  }
  if (const auto cpu = folder("cpu"); cpu && limits.cpus > 0) {
    constexpr int kPeriod = 100'000;  // microseconds
    const auto quota = static_cast<long>(limits.cpus * kPeriod);
    if (v2_) {
      TRY_VOID(write_control(*cpu + "/cpu.max", fmt::format("{} {}", quota, kPeriod)));
    } else {
      TRY_VOID(write_control(*cpu + "/cpu.cfs_period_us", std::to_string(kPeriod)));
      TRY_VOID(write_control(*cpu + "/cpu.cfs_quota_us", std::to_string(quota)));
    }
  }
  if (const auto pids = folder("pids"); pids && limits.processes > 0)
    TRY_VOID(write_control(*pids + "/pids.max", std::to_string(limits.processes)));
  return {};
}

std::vector<std::string> CgroupTree::not_enforced(const Limits& limits) const {
  std::vector<std::string> sentences;
  const auto check = [&](const char* controller, bool wanted, std::string_view what) {
    const auto& place = controllers_.find(controller)->second;
    if (wanted && place.folder.empty())
      sentences.push_back(fmt::format("the {} limit is not enforced: {}", what, place.missing));
  };
  check("memory", limits.memory > 0, "memory");
  check("cpu", limits.cpus > 0, "CPU");
  check("pids", limits.processes > 0, "process count");
  return sentences;
}

void CgroupTree::end_leftovers() const {
  for (const auto& [controller, place] : controllers_) {
    if (place.folder.empty()) continue;
    for (const auto& folder : subfolders(place.folder)) {
      kill_all(folder);
      ::rmdir(folder.c_str());
    }
  }
}

void CgroupTree::remove() const {
  for (const auto& [controller, place] : controllers_) {
    if (place.folder.empty()) continue;
    for (const auto& folder : subfolders(place.folder)) ::rmdir(folder.c_str());
    ::rmdir(place.folder.c_str());
  }
}

}  // namespace fairlead::supervise
