#include "supervise/log_book.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "base/strings.h"

namespace fairlead::supervise {

using control::LogLine;
using control::LogQuery;

namespace {

constexpr std::size_t kRecentLines = 10'000;

std::filesystem::path file_name(const std::filesystem::path& folder, std::string_view replica,
                                unsigned number) {
  return folder /
         (number == 0 ? fmt::format("{}.log", replica) : fmt::format("{}.log.{}", replica, number));
}

std::optional<LogLine> parse_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const auto time = control::parse_rfc3339(line.substr(0, first));
  if (!time) return std::nullopt;
  return LogLine{.time = *time,
                 .replica = std::string(line.substr(first + 1, second - first - 1)),
                 .text = std::string(line.substr(second + 1))};
}

bool wanted(const LogQuery& query, std::string_view replica) {
  if (query.replicas.empty()) return true;
  // "web" is all of web.1, web.2, …; "web.1" is web.1.v3, too.
  return std::ranges::any_of(query.replicas, [&](const auto& name) {
    return replica.starts_with(name) &&
           (replica.size() == name.size() || replica[name.size()] == '.');
  });
}

// The lines of one process, newest file first until there are enough.
std::vector<LogLine> read_replica(const std::filesystem::path& folder, std::string_view replica,
                                  const LogQuery& query) {
  std::vector<std::vector<LogLine>> newest_first;
  std::size_t count = 0;
  for (unsigned number = 0;; ++number) {
    const auto content = read_file(file_name(folder, replica, number));
    if (!content) break;
    auto& lines = newest_first.emplace_back();
    bool older = false;
    for (const auto text : split(*content, '\n')) {
      auto line = parse_line(text);
      if (!line) continue;
      if (query.since && line->time < *query.since)
        older = true;
      else
        lines.push_back(std::move(*line));
    }
    count += lines.size();
    if (older || (query.tail > 0 && count >= query.tail)) break;
  }
  std::vector<LogLine> all;
  for (auto lines = newest_first.rbegin(); lines != newest_first.rend(); ++lines)
    std::move(lines->begin(), lines->end(), std::back_inserter(all));
  if (query.tail > 0 && all.size() > query.tail)
    all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(query.tail));
  return all;
}

}  // namespace

Result<std::vector<LogLine>> read_logs(const std::filesystem::path& folder, const LogQuery& query) {
  std::error_code error;
  std::vector<LogLine> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".log")) continue;
    const auto replica = std::string_view(name).substr(0, name.size() - 4);
    if (!wanted(query, replica)) continue;
    // Each process's lines are in order already; those of one time stay together.
    auto lines = read_replica(folder, replica, query);
    std::vector<LogLine> merged;
    merged.reserve(all.size() + lines.size());
    std::merge(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()),
               std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()),
               std::back_inserter(merged),
               [](const LogLine& a, const LogLine& b) { return a.time < b.time; });
    all = std::move(merged);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Error::system(fmt::format("cannot read {}", folder.string()), error.value()));
  if (query.tail > 0 && all.size() > query.tail)
    all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(query.tail));
  return all;
}

LogBook::LogBook(io::Loop& loop, std::filesystem::path folder, LogLimits limits)
    : appended_(loop), folder_(std::move(folder)), limits_(limits) {}

Result<> LogBook::open(File& file, std::string_view replica) const {
  TRY_VOID(make_directories(folder_, 0700));
  const auto path = file_name(folder_, replica, 0);
  file.fd.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.fd) return fail_errno(fmt::format("cannot write {}", path.string()));
  struct stat status{};
  ::fstat(file.fd.get(), &status);
  file.size = static_cast<std::uint64_t>(status.st_size);
  return {};
}

void LogBook::rotate(File& file, std::string_view replica) const {
  file.fd.reset();
  for (unsigned number = limits_.files; number-- > 1;)
    ::rename(file_name(folder_, replica, number - 1).c_str(),
             file_name(folder_, replica, number).c_str());
}

void LogBook::append(std::string_view replica, std::span<const std::string_view> lines) {
  if (lines.empty()) return;
  auto found = files_.find(replica);
  if (found == files_.end()) found = files_.emplace(std::string(replica), File()).first;
  File& file = found->second;

  const WallTime time = wall_now();
  const std::string tag = fmt::format("{} {} ", rfc3339(time), replica);
  std::string bytes;
  if (file.lost > 0) bytes = fmt::format("{}[fairlead: {} lines were lost]\n", tag, file.lost);
  for (const auto line : lines) {
    bytes.append(tag).append(line).push_back('\n');
    recent_.push_back({time, std::string(replica), std::string(line)});
  }
  next_ += lines.size();
  while (recent_.size() > kRecentLines) recent_.pop_front();

  if (file.fd && file.size + bytes.size() > limits_.file_size) rotate(file, replica);
  if (!file.fd && !open(file, replica)) {
    file.lost += lines.size();
  } else if (const auto n = ::write(file.fd.get(), bytes.data(), bytes.size());
             n == static_cast<ssize_t>(bytes.size())) {
    file.size += bytes.size();
    file.lost = 0;
  } else {
    // Half a line would be read as a line of its own.
    if (n > 0) [[maybe_unused]]
      const int undone = ::ftruncate(file.fd.get(), static_cast<off_t>(file.size));
    file.lost += lines.size();
  }
  appended_.set();
}

void LogBook::note(std::string_view replica, std::string_view text) {
  const std::string line = fmt::format("[fairlead: {}]", text);
  const std::string_view view = line;
  append(replica, {&view, 1});
}

// Position of one reader. The lines on disk come first; since nothing suspends between reading
// them and noting next_, the two join without a gap or a repeated line.
struct LogBook::Follower {
  LogBook* book;
  LogQuery query;
  bool history = true;
  std::uint64_t position = 0;

  std::vector<LogLine> take() {
    std::vector<LogLine> lines;
    const std::uint64_t first = book->next_ - book->recent_.size();
    if (position < first) {
      lines.push_back({wall_now(), "fairlead",
                       fmt::format("[{} lines skipped: reading was too slow]", first - position)});
      position = first;
    }
    for (; position < book->next_; ++position) {
      const auto& line = book->recent_[position - first];
      if (wanted(query, line.replica)) lines.push_back(line);
    }
    return lines;
  }

  static io::Task<Result<std::vector<LogLine>>> next(std::shared_ptr<Follower> self,
                                                     io::Deadline deadline) {
    if (std::exchange(self->history, false)) {
      self->position = self->book->next_;
      auto lines = read_logs(self->book->folder_, self->query);
      if (!lines || !lines->empty()) co_return lines;
    }
    if (!self->query.follow) co_return std::vector<LogLine>();
    for (;;) {
      auto lines = self->take();
      if (!lines.empty()) co_return lines;
      self->book->appended_.reset();
      CO_TRY_VOID(co_await self->book->appended_.wait(deadline));
    }
  }
};

control::LogSource LogBook::read(LogQuery query) {
  auto follower = std::make_shared<Follower>(this, std::move(query));
  return [follower](io::Deadline deadline) { return Follower::next(follower, deadline); };
}

}  // namespace fairlead::supervise
