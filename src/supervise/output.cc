#include "supervise/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::supervise {

namespace {

constexpr std::size_t kMaxLine = 16 * 1024;
constexpr std::size_t kRecentLines = 50;
constexpr int kCapacity = 1 << 20;  // what a process may write while nobody reads

}  // namespace

Output::Output(io::Loop& loop, std::filesystem::path fifo, OnLines on_lines)
    : loop_(loop), fifo_(std::move(fifo)), on_lines_(std::move(on_lines)) {}

Output::~Output() {
  if (fd_) loop_.unwatch(fd_.get(), *this);
}

Result<std::unique_ptr<Output>> Output::open(io::Loop& loop, std::filesystem::path fifo,
                                             OnLines on_lines) {
  if (::mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST)
    return fail_errno(fmt::format("cannot make the FIFO {}", fifo.string()));
  std::unique_ptr<Output> output(new Output(loop, std::move(fifo), std::move(on_lines)));
  // Open for writing too: otherwise it would read as ended whenever the process is between two
  // lives.
  output->fd_.reset(::open(output->fifo_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!output->fd_)
    return fail_errno(fmt::format("cannot open the FIFO {}", output->fifo_.string()));
  ::fcntl(output->fd_.get(), F_SETPIPE_SZ, kCapacity);  // less is no failure
  TRY_VOID(loop.watch_level(output->fd_.get(), *output));
  return output;
}

Result<UniqueFd> Output::child_end() const {
  UniqueFd fd(::open(fifo_.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return fail_errno(fmt::format("cannot open the FIFO {}", fifo_.string()));
  return fd;
}

// One read for each round of the loop, so that a chatty process does not keep out the others.
void Output::on_ready(std::uint32_t) {
  if (read_some()) take_lines(false);
}

bool Output::read_some() {
  const std::size_t old_size = buffer_.size();
  constexpr std::size_t kRead = 64 * 1024;
  buffer_.resize(old_size + kRead);
  const ssize_t n = ::read(fd_.get(), buffer_.data() + old_size, kRead);
  buffer_.resize(old_size + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return n > 0;
}

void Output::drain() {
  // Bounded: another process of the same group may still be writing.
  for (int i = 0; i < 64 && read_some(); ++i) take_lines(false);
  take_lines(true);
}

void Output::take_lines(bool also_unfinished) {
  std::vector<std::string_view> lines;
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    auto end = rest.substr(0, kMaxLine).find('\n');
    std::size_t skip = 1;
    if (end == std::string_view::npos) {
      if (rest.size() < kMaxLine && !also_unfinished) break;
      end = std::min(rest.size(), kMaxLine);
      skip = 0;
    }
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + skip);
  }
  if (lines.empty()) return;
  for (const auto line : lines) recent_.emplace_back(line);
  while (recent_.size() > kRecentLines) recent_.pop_front();
  on_lines_(lines);
  buffer_.erase(0, buffer_.size() - rest.size());
}

std::vector<std::string> Output::last_lines(std::size_t count) const {
  const auto skip = recent_.size() - std::min(count, recent_.size());
  return {recent_.begin() + static_cast<std::ptrdiff_t>(skip), recent_.end()};
}

}  // namespace fairlead::supervise
