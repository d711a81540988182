#include "ship/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "io/child.h"
#include "ship/digest.h"

namespace fairlead::ship {

namespace fs = std::filesystem;

namespace {

// In the copy: what copy_source wrote there, one path a line.
constexpr const char* kListing = ".fairlead-source";

io::Task<Result<std::string>> git(io::Loop& loop, fs::path root, std::vector<std::string> words,
                                  io::Deadline deadline) {
  const char* path = std::getenv("PATH");
  io::ChildSpec spec{
      .argv = {"git", "-C", root.string()},
      .environment = {fmt::format("PATH={}", path ? path : "/usr/bin:/bin"), "LC_ALL=C",
                      // The checkout may belong to another user; only its list of files is read.
                      "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory",
                      "GIT_CONFIG_VALUE_0=*"}};
  for (auto& word : words) spec.argv.push_back(std::move(word));
  CO_TRY(const auto output, co_await io::run_command(loop, std::move(spec), deadline, 64u << 20));
  if (!output.status.success()) co_return fail(Code::kNotFound, output.err);
  co_return output.out;
}

Result<Source> list_folder(const fs::path& root) {
  Source source;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    const auto name = it->path().filename();
    if (it->is_directory() && !it->is_symlink()) {
      if (name == ".git" || name == ".fairlead") it.disable_recursion_pending();
    } else if (it->is_regular_file() || it->is_symlink()) {
      source.files.push_back(it->path().lexically_relative(root));
    }
  }
  if (error)
    return fail(Error::system(fmt::format("cannot list {}", root.string()), error.value()));
  std::ranges::sort(source.files);
  return source;
}

}  // namespace

io::Task<Result<Source>> list_source(io::Loop& loop, fs::path root, io::Deadline deadline) {
  auto listed = co_await git(
      loop, root, {"ls-files", "-z", "--cached", "--others", "--exclude-standard"}, deadline);
  if (!listed) {
    if (listed.error().code() == Code::kTimeout) co_return fail(std::move(listed).error());
    co_return list_folder(root);
  }
  Source source;
  for (const auto name : split(*listed, '\0'))
    // Tracked, but deleted in the work tree: not there to be copied.
    if (std::error_code error; !name.empty() &&
                               fs::exists(fs::symlink_status(root / name, error)) &&
                               !fs::is_directory(fs::symlink_status(root / name, error)))
      source.files.emplace_back(name);
  std::ranges::sort(source.files);
  source.files.erase(std::ranges::unique(source.files).begin(), source.files.end());
  if (auto commit = co_await git(loop, root, {"rev-parse", "HEAD"}, deadline)) {
    source.commit = commit->substr(0, commit->find('\n'));
    auto status = co_await git(loop, root, {"status", "--porcelain", "--", "."}, deadline);
    source.changed = !status || !status->empty();
  }
  co_return source;
}

namespace {

bool same(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         (a.st_mode & (S_IFMT | 0111)) == (b.st_mode & (S_IFMT | 0111));
}

Result<> copy_bytes(const fs::path& from, const fs::path& to, const struct stat& status) {
  UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in) return fail_errno(from.string());
  UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                      status.st_mode & 0111 ? 0755 : 0644));
  if (!out) return fail_errno(to.string());
  for (;;) {
    const ssize_t n = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, 1 << 30, 0);
    if (n == 0) break;
    if (n < 0 && errno != EINTR) return fail_errno(to.string());
  }
  // The source's time, so that the next copy and the build's own tools see what did not change.
  const timespec times[] = {status.st_mtim, status.st_mtim};
  if (::fchmod(out.get(), status.st_mode & 0111 ? 0755 : 0644) != 0 ||
      ::futimens(out.get(), times) != 0)
    return fail_errno(to.string());
  return {};
}

// True if something was written.
Result<bool> copy_one(const fs::path& from, const fs::path& to) {
  struct stat source{}, present{};
  if (::lstat(from.c_str(), &source) != 0) return fail_errno(from.string());
  const bool there = ::lstat(to.c_str(), &present) == 0;
  if (S_ISLNK(source.st_mode)) {
    std::error_code error;
    const fs::path target = fs::read_symlink(from, error);
    if (there && S_ISLNK(present.st_mode) && fs::read_symlink(to, error) == target) return false;
    fs::remove_all(to, error);
    fs::create_symlink(target, to, error);
    if (error) return fail(Error::system(to.string(), error.value()));
    return true;
  }
  if (there && same(source, present)) return false;
  std::error_code error;
  if (there && !S_ISREG(present.st_mode)) fs::remove_all(to, error);
  TRY_VOID(copy_bytes(from, to, source));
  return true;
}

}  // namespace

Result<Copied> copy_source(const fs::path& root, const Source& source, const fs::path& copy) {
  TRY_VOID(make_directories(copy));
  Copied copied;
  const std::set<std::string_view> wanted(source.files.begin(), source.files.end());
  const std::string before = read_file(copy / kListing).value_or("");
  for (const auto name : split(before, '\n')) {
    std::error_code error;
    if (!name.empty() && !wanted.contains(name) && fs::remove(copy / name, error)) ++copied.removed;
  }
  // Written first: a copy that is interrupted knows what may be there.
  std::string listing;
  for (const auto& name : source.files) listing += name + "\n";
  TRY_VOID(write_file_atomically(copy / kListing, listing + before));
  for (const auto& name : source.files) {
    TRY_VOID(make_directories((copy / name).parent_path()));
    auto written = copy_one(root / name, copy / name);
    if (!written) return fail(std::move(written).error().in("cannot copy the source"));
    std::error_code ignored;
    if (*written) {
      ++copied.files;
      if (!fs::is_symlink(copy / name, ignored))
        copied.bytes += fs::file_size(copy / name, ignored);
    }
  }
  TRY_VOID(write_file_atomically(copy / kListing, listing));
  return copied;
}

Result<std::string> digest_of_source(const fs::path& root, const Source& source) {
  Sha256 hash;
  for (const auto& file : source.files) {
    const fs::path path = root / file;
    std::error_code error;
    std::string content;
    if (fs::is_symlink(path, error)) {
      content = fs::read_symlink(path, error).string();
    } else {
      TRY(content, digest_of_file(path));
    }
    const bool executable = ::access(path.c_str(), X_OK) == 0;
    hash.update(fmt::format("{}\n{}\n{}\n", file, content, executable));
  }
  return hash.digest();
}

}  // namespace fairlead::ship
