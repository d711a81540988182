#include "supervise/record.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"
#include "io/child.h"
#include "supervise/marks.h"

namespace fairlead::supervise {

namespace {

std::string boot_id() {
  const std::string text = read_file("/proc/sys/kernel/random/boot_id").value_or("unknown");
  return std::string(split(text, '\n')[0]);
}

// Fields 3 (state), 6 (session) and 22 (start time) of /proc/PID/stat; the second field is the
// command in parentheses, which may hold anything, so counting starts behind its last parenthesis.
struct Stat {
  char state = '?';
  pid_t session = 0;
  std::uint64_t start = 0;
};
std::optional<Stat> read_stat(pid_t pid) {
  const auto content = read_file(fmt::format("/proc/{}/stat", pid));
  if (!content) return std::nullopt;
  const auto end = content->rfind(") ");
  if (end == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(*content).substr(end + 2), ' ');
  if (fields.size() < 20 || fields[0].empty()) return std::nullopt;
  return Stat{.state = fields[0][0],
              .session = static_cast<pid_t>(parse_unsigned(fields[3]).value_or(0)),
              .start = parse_unsigned(fields[19]).value_or(0)};
}

std::filesystem::path file_of(const std::filesystem::path& folder, std::string_view name) {
  return folder / fmt::format("{}.pid", name);
}

}  // namespace

Result<> write_record(const std::filesystem::path& folder, std::string_view name, pid_t pid,
                      std::uint16_t port) {
  const auto stat = read_stat(pid);
  return write_file_atomically(
      file_of(folder, name),
      fmt::format("{} {} {} {}\n", pid, stat ? stat->start : 0, boot_id(), port), 0600);
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
    if (words.size() != 4) continue;
    records.push_back({.name = entry.path().stem(),
                       .pid = static_cast<pid_t>(parse_unsigned(words[0]).value_or(0)),
                       .start = parse_unsigned(words[1]).value_or(0),
                       .boot = std::string(words[2]),
                       .port = static_cast<std::uint16_t>(parse_unsigned(words[3]).value_or(0))});
  }
  return records;
}

std::optional<Record> find_running(const std::filesystem::path& folder, std::string_view name) {
  for (const auto& record : read_records(folder))
    if (record.name == name && still_runs(record)) return record;
  return std::nullopt;
}

namespace {

struct Leftover {
  std::string name;
  io::Child process;
};

// Taken by pidfd before the last look at what it is: so it stays the process that was looked at.
void find_recorded(io::Loop& loop, const std::filesystem::path& folder,
                   const std::vector<Record>& kept, std::vector<Leftover>& found) {
  for (const auto& record : read_records(folder)) {
    if (std::ranges::any_of(kept, [&](const Record& k) { return k.name == record.name; })) continue;
    remove_record(folder, record.name);
    if (record.pid <= 0) continue;
    auto process = io::Child::adopt(loop, record.pid);
    if (process && still_runs(record)) found.push_back({record.name, std::move(*process)});
  }
}

// The value of kMark; "" for none.
std::string mark_of(pid_t pid) {
  const std::string environment = read_file(fmt::format("/proc/{}/environ", pid)).value_or("");
  const std::string prefix = fmt::format("{}=", kMark);
  for (const auto variable : split(environment, '\0'))
    if (variable.starts_with(prefix)) return std::string(variable.substr(prefix.size()));
  return {};
}

void find_marked(io::Loop& loop, const std::filesystem::path& folder,
                 const std::vector<Record>& kept, const std::vector<Marked>& marked,
                 std::vector<Leftover>& found) {
  const std::string prefix = folder.native() + "/";
  for (const auto& [pid, mark] : marked) {
    const bool known = std::ranges::any_of(
        found, [&](const Leftover& leftover) { return leftover.process.pid() == pid; });
    if (known || pid == ::getpid() || !mark.starts_with(prefix)) continue;
    const auto stat = read_stat(pid);
    if (!stat || std::ranges::any_of(kept, [&](const Record& k) { return k.pid == stat->session; }))
      continue;
    auto process = io::Child::adopt(loop, pid);
    // Only now is it sure that the number still means the same process.
    if (process && mark_of(pid) == mark)
      found.push_back({mark.substr(prefix.size()), std::move(*process)});
  }
}

}  // namespace

std::vector<Marked> marked_processes() {
  std::vector<Marked> marked;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto number = parse_unsigned(entry.path().filename().native());
    const auto pid = static_cast<pid_t>(number.value_or(0));
    if (pid == 0) continue;
    if (auto mark = mark_of(pid); !mark.empty()) marked.push_back({pid, std::move(mark)});
  }
  return marked;
}

io::Task<std::vector<std::string>> end_leftovers(io::Loop& loop, std::filesystem::path folder,
                                                 io::Deadline deadline) {
  return end_leftovers_but(loop, std::move(folder), [](const Record&) { return false; }, deadline);
}

io::Task<std::vector<std::string>> end_leftovers_but(io::Loop& loop, std::filesystem::path folder,
                                                     std::function<bool(const Record&)> keep,
                                                     io::Deadline deadline) {
  return end_leftovers_among(loop, std::move(folder), marked_processes(), std::move(keep),
                             deadline);
}

io::Task<std::vector<std::string>> end_leftovers_among(io::Loop& loop, std::filesystem::path folder,
                                                       std::vector<Marked> marked,
                                                       std::function<bool(const Record&)> keep,
                                                       io::Deadline deadline) {
  std::vector<Record> kept;
  for (auto& record : read_records(folder))
    if (still_runs(record) && keep(record)) kept.push_back(std::move(record));
  std::vector<std::string> names;
  // Twice where there was anything: what is being killed may be starting something.
  for (int round = 0; round < 2; ++round) {
    std::vector<Leftover> found;
    find_recorded(loop, folder, kept, found);
    find_marked(loop, folder, kept, round == 0 ? marked : marked_processes(), found);
    if (found.empty()) break;
    for (auto& [name, process] : found) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
      static_cast<void>(process.signal(SIGTERM));
    }
    for (auto& [name, process] : found) {
      if (co_await process.wait(deadline)) continue;
      static_cast<void>(process.signal(SIGKILL));
      static_cast<void>(co_await process.wait(io::Deadline::in(5s)));
    }
  }
  co_return names;
}

}  // namespace fairlead::supervise
