#include "supervise/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace fairlead::supervise {

namespace {

constexpr std::size_t kMaxLine = 16 * 1024;
constexpr std::size_t kRecentLines = 50;
constexpr int kCapacity = 1 << 20;  // what a process may write while nobody reads
constexpr std::size_t kAtOnce = 256 * 1024;
constexpr std::uint64_t kFreeEvery = 1 << 20;
constexpr Duration kRetryPause = 500ms;

// Cuts `text` into lines. What is left in it begins a line whose end is still to come.
std::vector<std::string_view> cut_lines(std::string_view& text, bool also_unfinished) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto end = text.substr(0, kMaxLine).find('\n');
    std::size_t skip = 1;
    if (end == std::string_view::npos) {
      if (text.size() < kMaxLine && !also_unfinished) break;
      end = std::min(text.size(), kMaxLine);
      skip = 0;
    }
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + skip);
  }
  return lines;
}

}  // namespace

Output::Output(io::Loop& loop, std::filesystem::path fifo, LogBook& book, std::string name,
               OnLines on_lines)
    : loop_(loop),
      fifo_(std::move(fifo)),
      spool_(std::filesystem::path(fifo_).replace_extension(".spool")),
      book_(book),
      name_(std::move(name)),
      on_lines_(std::move(on_lines)),
      retry_(loop, [this] { read_spool(false); }) {}

Output::~Output() {
  if (fd_) loop_.unwatch(fd_.get(), *this);
  if (taken_ != spooled_) return;  // the next one reads on
  book_.flush();
  if (book_.position(spool_) < spooled_) return;
  ::unlink(fifo_.c_str());
  ::unlink(spool_.c_str());
  book_.forget(spool_);
}

Result<std::unique_ptr<Output>> Output::open(io::Loop& loop, std::filesystem::path fifo,
                                             LogBook& book, std::string name, OnLines on_lines) {
  if (::mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST)
    return fail_errno(fmt::format("cannot make the FIFO {}", fifo.string()));
  std::unique_ptr<Output> output(
      new Output(loop, std::move(fifo), book, std::move(name), std::move(on_lines)));
  TRY_VOID(output->open_spool());
  // Open for writing too: otherwise it would read as ended whenever the process is between two
  // lives.
  output->fd_.reset(::open(output->fifo_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!output->fd_)
    return fail_errno(fmt::format("cannot open the FIFO {}", output->fifo_.string()));
  ::fcntl(output->fd_.get(), F_SETPIPE_SZ, kCapacity);  // less is no failure
  TRY_VOID(loop.watch_level(output->fd_.get(), *output));
  return output;
}

Result<> Output::open_spool() {
  const auto flags = O_RDWR | O_CREAT | O_CLOEXEC;
  spool_fd_.reset(::open(spool_.c_str(), flags | O_EXCL, 0600));
  if (spool_fd_) {
    book_.forget(spool_);  // what the log knows of is an earlier one
    return {};
  }
  spool_fd_.reset(::open(spool_.c_str(), flags, 0600));
  struct stat status{};
  if (!spool_fd_ || ::fstat(spool_fd_.get(), &status) != 0)
    return fail_errno(fmt::format("cannot open the spool {}", spool_));
  spooled_ = static_cast<std::uint64_t>(status.st_size);
  taken_ = freed_ = std::min(book_.position(spool_), spooled_);
  read_spool(false);
  return {};
}

Result<UniqueFd> Output::child_end() const {
  UniqueFd fd(::open(fifo_.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return fail_errno(fmt::format("cannot open the FIFO {}", fifo_.string()));
  return fd;
}

// One piece for each round of the loop, so that a chatty process does not keep out the others.
void Output::on_ready(std::uint32_t) {
  if (spool_some()) read_spool(false);
}

bool Output::spool_some() {
  auto offset = static_cast<loff_t>(spooled_);
  const ssize_t n =
      ::splice(fd_.get(), nullptr, spool_fd_.get(), &offset, kAtOnce, SPLICE_F_NONBLOCK);
  if (n < 0 && errno != EAGAIN && errno != EINTR) throw_away();
  if (n <= 0) return false;
  spooled_ += static_cast<std::uint64_t>(n);
  return true;
}

// A disk that is full costs lines, never the process that wrote them.
void Output::throw_away() {
  char bytes[64 * 1024];
  if (const ssize_t n = ::read(fd_.get(), bytes, sizeof bytes); n > 0)
    dropped_ += static_cast<std::uint64_t>(n);
}

void Output::drain() {
  // Bounded: another process of the same group may still be writing.
  for (int i = 0; i < 64 && spool_some(); ++i) read_spool(false);
  read_spool(true);
}

void Output::read_spool(bool also_unfinished) {
  std::string bytes;
  while (taken_ < spooled_) {
    bytes.resize(std::min<std::uint64_t>(spooled_ - taken_, kAtOnce));
    const ssize_t n =
        ::pread(spool_fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(taken_));
    if (n <= 0) return;
    std::string_view rest(bytes.data(), static_cast<std::size_t>(n));
    const bool all = taken_ + rest.size() == spooled_;
    const auto lines = cut_lines(rest, also_unfinished && all);
    if (lines.empty()) return;
    const auto position = taken_ + static_cast<std::uint64_t>(n) - rest.size();
    if (!hand_over(lines, position)) return;
    for (const auto line : lines.size() > kRecentLines ? std::span(lines).last(kRecentLines)
                                                       : std::span<const std::string_view>(lines))
      recent_.emplace_back(line);
    while (recent_.size() > kRecentLines) recent_.pop_front();
    if (on_lines_) on_lines_(lines);
    taken_ = position;
    free_kept();
  }
}

bool Output::hand_over(std::span<const std::string_view> lines, std::uint64_t position) {
  if (book_.append(name_, lines, spool_, position)) {
    if (const auto lost = std::exchange(dropped_, 0); lost > 0)
      book_.note(name_, fmt::format("{} bytes of output were lost", lost));
    return true;
  }
  if (spooled_ - taken_ > kMostSpooled) {
    dropped_ += spooled_ - taken_;
    taken_ = spooled_;
    free_kept();
  }
  retry_.arm(loop_.now() + kRetryPause);
  return false;
}

// Gives back the blocks before what is kept; the file stays as long, so that positions hold.
void Output::free_kept() {
  if (taken_ - freed_ < kFreeEvery) return;
  const auto kept = dropped_ > 0 ? taken_ : book_.position(spool_);
  if (kept < freed_ + kFreeEvery) return;
  if (::fallocate(spool_fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(freed_), static_cast<off_t>(kept - freed_)) == 0)
    freed_ = kept;
}

std::vector<std::string> Output::last_lines(std::size_t count) const {
  const auto skip = recent_.size() - std::min(count, recent_.size());
  std::vector<std::string> lines;
  for (auto line = recent_.begin() + static_cast<std::ptrdiff_t>(skip); line != recent_.end();
       ++line)
    lines.push_back(book_.redacted(*line));
  return lines;
}

}  // namespace fairlead::supervise
