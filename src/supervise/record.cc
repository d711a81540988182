#include "supervise/record.h"

#include <fmt/format.h>
#include <signal.h>

#include "base/file.h"
#include "base/strings.h"
#include "io/child.h"

namespace fairlead::supervise {

namespace {

std::string boot_id() {
  const std::string text = read_file("/proc/sys/kernel/random/boot_id").value_or("unknown");
  return std::string(split(text, '\n')[0]);
}

// Fields 3 (state) and 22 (start time) of /proc/PID/stat; the second field is the command in
// parentheses, which may hold anything, so counting starts behind its last parenthesis.
struct Stat {
  char state = '?';
  std::uint64_t start = 0;
};
std::optional<Stat> read_stat(pid_t pid) {
  const auto content = read_file(fmt::format("/proc/{}/stat", pid));
  if (!content) return std::nullopt;
  const auto end = content->rfind(") ");
  if (end == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(*content).substr(end + 2), ' ');
  if (fields.size() < 20 || fields[0].empty()) return std::nullopt;
  return Stat{.state = fields[0][0], .start = parse_unsigned(fields[19]).value_or(0)};
}

std::filesystem::path file_of(const std::filesystem::path& folder, std::string_view name) {
  return folder / fmt::format("{}.pid", name);
}

}  // namespace

Result<> write_record(const std::filesystem::path& folder, std::string_view name, pid_t pid) {
  const auto stat = read_stat(pid);
  return write_file_atomically(file_of(folder, name),
                               fmt::format("{} {} {}\n", pid, stat ? stat->start : 0, boot_id()),
                               0600);
}

void remove_record(const std::filesystem::path& folder, std::string_view name) {
  std::error_code ignored;
  std::filesystem::remove(file_of(folder, name), ignored);
}

bool still_runs(const Record& record) {
  if (record.boot != boot_id()) return false;
  const auto stat = read_stat(record.pid);
  return stat && stat->start == record.start && stat->state != 'Z' && stat->state != 'X';
}

std::vector<Record> read_records(const std::filesystem::path& folder) {
  std::vector<Record> records;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".pid") continue;
    const std::string content = read_file(entry.path(), 4096).value_or("");
    const auto words = split(std::string_view(content).substr(0, content.find('\n')), ' ');
    if (words.size() != 3) continue;
    records.push_back({.name = entry.path().stem(),
                       .pid = static_cast<pid_t>(parse_unsigned(words[0]).value_or(0)),
                       .start = parse_unsigned(words[1]).value_or(0),
                       .boot = std::string(words[2])});
  }
  return records;
}

io::Task<std::vector<std::string>> end_leftovers(io::Loop& loop, std::filesystem::path folder,
                                                 io::Deadline deadline) {
  std::vector<std::string> found;
  std::vector<io::Child> children;
  for (const auto& record : read_records(folder)) {
    remove_record(folder, record.name);
    auto child =
        record.pid > 0 ? io::Child::adopt(loop, record.pid) : fail(Code::kNotFound, "no process");
    // The pidfd first, then the look at what it is: whatever is found now stays that process.
    if (!child || !still_runs(record)) continue;
    found.push_back(record.name);
    static_cast<void>(child->signal_group(SIGTERM));
    children.push_back(std::move(*child));
  }
  for (auto& child : children) {
    if (!co_await child.wait(deadline)) {
      static_cast<void>(child.signal_group(SIGKILL));
      static_cast<void>(co_await child.wait(io::Deadline::in(5s)));
    }
    static_cast<void>(child.signal_group(SIGKILL));  // what else was in its group
  }
  co_return found;
}

}  // namespace fairlead::supervise
