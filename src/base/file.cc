#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>

#include "base/unique_fd.h"

namespace fairlead {

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(fmt::format("cannot read {}", path.string()));
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("cannot read {}", path.string()));
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > limit)
      return fail(Code::kTooLarge, fmt::format("{} is larger than {} bytes", path.string(), limit));
  }
}

namespace {

Result<> write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write");
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> write_and_rename(const std::filesystem::path& path, const std::filesystem::path& temporary,
                          std::string_view content, int mode) {
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return fail_errno("open");
  TRY_VOID(write_all(fd.get(), content));
  if (::fsync(fd.get()) != 0) return fail_errno("fsync");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("rename");
  auto folder = path.parent_path();
  if (folder.empty()) folder = ".";
  UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return fail_errno("fsync of the folder");
  return {};
}

}  // namespace

Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                               int mode) {
  static std::atomic<unsigned> counter = 0;
  std::filesystem::path temporary = path;
  temporary += fmt::format(".tmp-{}-{}", ::getpid(), counter++);
  if (auto written = write_and_rename(path, temporary, content, mode); !written) {
    ::unlink(temporary.c_str());
    return fail(std::move(written).error().in(fmt::format("cannot write {}", path.string())));
  }
  return {};
}

Result<> make_directories(const std::filesystem::path& path, int mode) {
  std::filesystem::path so_far;
  for (const auto& part : path) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST)
      return fail_errno(fmt::format("cannot make folder {}", so_far.string()));
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return fail(Code::kExists, fmt::format("{} exists and is not a folder", path.string()));
  return {};
}

}  // namespace fairlead
