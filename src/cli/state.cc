#include "cli/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/strings.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

// FNV-1a. The lock in the state folder is what excludes others, not this.
std::string short_name(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("{:08x}", static_cast<std::uint32_t>(hash ^ (hash >> 32)));
}

namespace {

fs::path runtime_root() {
  if (const char* folder = std::getenv("XDG_RUNTIME_DIR"); folder && *folder == '/')
    return fs::path(folder) / "fairlead";
  if (::geteuid() == 0) return "/run/fairlead";
  return fmt::format("/tmp/fairlead-{}", ::geteuid());
}

// Nobody else may own it: in /tmp anybody could have made it first.
Result<> make_private(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(fmt::format("cannot make folder {}", folder.string()));
  struct stat status{};
  if (::lstat(folder.c_str(), &status) != 0) return fail_errno(folder.string());
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022) != 0)
    return fail(Error(Code::kDenied,
                      fmt::format("{} is not a folder that only we can write", folder.string()))
                    .hint(fmt::format("look at it with 'ls -ld {}', and remove it if it is not "
                                      "yours",
                                      folder.string())));
  return {};
}

// Folders of Fairleads that were killed, and whose state folder is gone too.
void remove_forgotten() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runtime_root(), error))
    if (const auto state = read_file(entry.path() / "state", 4096);
        state && !fs::exists(*state, error))
      fs::remove_all(entry.path(), error);
}

bool has_app(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "fairlead.toml", ignored) || fs::exists(folder / "Procfile", ignored);
}

bool is_locked(const fs::path& state) {
  const UniqueFd fd(::open((state / "lock").c_str(), O_RDWR | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// The state folders of all Fairleads of this user that run now.
std::vector<std::string> running() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(runtime_root(), error))
    if (const auto state = read_file(entry.path() / "state", 4096); state && is_locked(*state))
      found.push_back(*state);
  return found;
}

}  // namespace

StateFolders folders_of(const fs::path& state) {
  StateFolders folders;
  std::error_code error;
  folders.state = fs::weakly_canonical(state, error);
  if (error) folders.state = fs::absolute(state, error);
  folders.instance = short_name(folders.state.native());
  folders.runtime = runtime_root() / folders.instance;
  return folders;
}

Result<> make_folders(const StateFolders& folders) {
  const bool fresh = !fs::exists(folders.state);
  auto made = make_directories(folders.state, 0700);
  if (!made)
    return fail(std::move(made).error().hint("name another folder by --state or FAIRLEAD_STATE"));
  // A state folder inside a source tree is nothing to commit.
  if (fresh) TRY_VOID(write_file_atomically(folders.state / ".gitignore", "*\n"));
  TRY_VOID(make_directories(folders.runtime.parent_path().parent_path()));
  TRY_VOID(make_private(folders.runtime.parent_path()));
  TRY_VOID(make_private(folders.runtime));
  remove_forgotten();
  return write_file_atomically(folders.runtime / "state", folders.state.native(), 0600);
}

namespace {

// As its parent sees it too: a pidfd is readable from the end on, before anybody has reaped it.
bool has_ended(pid_t pid) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  return !process || ::poll(&ended, 1, 0) == 1;
}

// False when somebody else has it.
Result<bool> try_lock(int fd, const fs::path& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return fail_errno(fmt::format("cannot lock {}", path.string()));
}

}  // namespace

Result<StateLock> StateLock::take(const StateFolders& folders) {
  constexpr Duration kSweeping = 10s;  // more than a supervise::Sweeper takes
  const fs::path path = folders.state / "lock";
  StateLock lock;
  lock.fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.fd_) return fail_errno(fmt::format("cannot open {}", path.string()));
  for (const Instant until = now() + kSweeping;;) {
    TRY(const bool ours, try_lock(lock.fd(), path));
    if (ours) break;
    const std::string holder(trim(read_file(path, 64).value_or("")));
    const auto pid = parse_unsigned(holder);
    if (now() > until || !pid || !has_ended(static_cast<pid_t>(*pid)))
      return fail(Error(Code::kExists, fmt::format("a Fairlead (pid {}) already runs on {}", holder,
                                                   folders.state.string()))
                      .hint(fmt::format("look at it with 'fairlead status', stop it with 'kill "
                                        "{}', or name another folder by --state",
                                        holder)));
    std::this_thread::sleep_for(20ms);
  }
  // The lock is what counts; the number is for people.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.fd_.get(), 0) != 0 ||
      ::pwrite(lock.fd_.get(), pid.data(), pid.size(), 0) < 0)
    return fail_errno(fmt::format("cannot write {}", path.string()));
  return lock;
}

fs::path serve_state(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* state = std::getenv("FAIRLEAD_STATE"); state && *state) return state;
  if (::geteuid() == 0) return "/var/lib/fairlead";
  if (const char* folder = std::getenv("XDG_STATE_HOME"); folder && *folder == '/')
    return fs::path(folder) / "fairlead";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : "/") / ".local/state/fairlead";
}

namespace {

// .fairlead beside the fairlead.toml of `app` or, without it, of the nearest folder that has one.
std::optional<fs::path> beside_app(const std::string& app) {
  std::error_code ignored;
  if (!app.empty())
    return (fs::is_directory(app, ignored) ? fs::path(app) : fs::path(app).parent_path()) /
           ".fairlead";
  for (fs::path folder = fs::current_path(ignored);; folder = folder.parent_path()) {
    if (has_app(folder)) return folder / ".fairlead";
    if (folder == folder.parent_path()) return std::nullopt;
  }
}

}  // namespace

Result<StateFolders> find_state(const std::string& given, const std::string& app) {
  if (!given.empty()) return folders_of(given);
  if (const char* state = std::getenv("FAIRLEAD_STATE"); state && *state) return folders_of(state);
  const auto beside = beside_app(app);
  if (beside && (!app.empty() || is_locked(*beside))) return folders_of(*beside);
  if (const auto serve = serve_state(""); is_locked(serve)) return folders_of(serve);
  if (beside) return folders_of(*beside);
  const auto found = running();
  if (found.size() == 1) return folders_of(found[0]);
  if (found.empty())
    return fail(Error(Code::kUnavailable, "no Fairlead runs here")
                    .hint("start one with 'fairlead up DIR'"));
  return fail(Error(Code::kInvalid,
                    fmt::format("{} Fairleads run: {}", found.size(), fmt::join(found, ", ")))
                  .hint("name one by --state"));
}

}  // namespace fairlead::cli
