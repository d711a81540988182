#include "observe/access_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "io/sync.h"

namespace fairlead::observe {
namespace {

constexpr std::size_t kAtOnce = 256 << 10;

std::string_view member(std::string_view record, std::string_view key) {
  const auto at = record.find(key);
  if (at == std::string_view::npos) return {};
  record.remove_prefix(at + key.size());
  return record.substr(0, record.find('"'));
}

}  // namespace

control::LogOrigin origin_of_record(std::string_view record) {
  control::LogOrigin origin{.source = "edge"};
  const auto words = split(member(record, R"("origin":")"), '/');
  if (words.size() == 3) {
    origin.app = words[0];
    origin.environment = words[1];
    origin.replica = words[2];
    origin.release = member(record, R"("release":")");
    const std::string suffix = "." + origin.release;
    if (suffix.size() > 1 && origin.replica.ends_with(suffix))
      origin.replica.resize(origin.replica.size() - suffix.size());
  }
  return origin;
}

AccessTail::AccessTail(io::Loop& loop, LogIntake& intake, LogStore& store,
                       std::filesystem::path file, Reopen reopen)
    : loop_(loop),
      intake_(intake),
      store_(store),
      path_(std::move(file)),
      reopen_(std::move(reopen)) {}

std::string AccessTail::spool_of(std::uint64_t inode) const {
  return fmt::format("{}#{}", path_.native(), inode);
}

bool AccessTail::open(File& file, const std::filesystem::path& path) const {
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!file.fd || ::fstat(file.fd.get(), &status) != 0) return false;
  file.spool = spool_of(status.st_ino);
  file.taken = store_.position(file.spool);
  if (file.taken > static_cast<std::uint64_t>(status.st_size)) file.taken = 0;
  return true;
}

// Records of one origin that follow one another go together.
std::uint64_t AccessTail::keep(std::string_view records, const std::string& spool,
                               std::uint64_t position) {
  std::vector<std::string_view> run;
  control::LogOrigin origin;
  std::string_view origin_text;
  std::uint64_t end = position;  // of the run
  const auto keep_run = [&] {
    if (!run.empty() && !intake_.append(origin, run, spool, end)) return false;
    run.clear();
    position = end;
    return true;
  };
  while (!records.empty()) {
    const auto record = records.substr(0, records.find('\n'));
    const auto text = member(record, R"("origin":")");
    if (text != origin_text && !keep_run()) return position;
    if (run.empty()) origin = origin_of_record(record);
    origin_text = text;
    run.push_back(record);
    records.remove_prefix(record.size() + 1);
    end += record.size() + 1;
  }
  keep_run();
  return position;
}

bool AccessTail::take(File& file) {
  std::string bytes(kAtOnce, '\0');
  const ssize_t n =
      ::pread(file.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(file.taken));
  if (n <= 0) return false;
  const auto end = std::string_view(bytes).substr(0, static_cast<std::size_t>(n)).rfind('\n');
  if (end == std::string_view::npos) return false;
  const auto whole = file.taken + end + 1;
  file.taken = keep(std::string_view(bytes).substr(0, end + 1), file.spool, file.taken);
  return file.taken == whole && static_cast<std::size_t>(n) == kAtOnce;
}

std::filesystem::path AccessTail::older() const {
  std::filesystem::path old = path_;
  return old += ".1";
}

void AccessTail::take_all(File& file) {
  while (file.fd && take(file)) {
  }
}

io::Task<void> AccessTail::rotate() {
  const auto old = older();
  // The inode of the file that goes may be that of the next one.
  if (struct stat status{}; ::stat(old.c_str(), &status) == 0)
    store_.forget(spool_of(status.st_ino));
  if (::rename(path_.c_str(), old.c_str()) != 0) co_return;
  // Until the edge has the new file it goes on in the old one.
  if (!co_await reopen_()) {
    ::rename(old.c_str(), path_.c_str());
    co_return;
  }
  take_all(current_);
  intake_.flush();
  current_ = {};
}

io::Task<void> AccessTail::run(io::Deadline until) {
  // An earlier control may have ended while it changed files.
  File before;
  if (open(before, older())) take_all(before);
  // It had not told the edge, which goes on in the file that it had moved.
  if (before.fd && ::access(path_.c_str(), F_OK) != 0) ::rename(older().c_str(), path_.c_str());
  for (;;) {
    if (!current_.fd) open(current_, path_);
    bool more = current_.fd && take(current_);
    if (current_.taken > kRotateAt && !more) co_await rotate();
    if (!co_await io::sleep(loop_, more ? Duration(0) : kPause, until)) break;
  }
  take_all(current_);
  intake_.flush();
}

}  // namespace fairlead::observe
