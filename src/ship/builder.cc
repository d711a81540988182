#include "ship/builder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include "base/file.h"
#include "io/stream.h"

namespace fairlead::ship {

namespace {

// Cuts a byte stream into lines.
class Lines {
 public:
  explicit Lines(std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}
  void add(std::string_view bytes) {
    for (;;) {
      const auto end = bytes.find_first_of("\n\r");
      partial_ += bytes.substr(0, end);
      if (partial_.size() > kLongest || end != std::string_view::npos) flush();
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
    }
  }
  void flush() {
    if (!partial_.empty() && on_line_) on_line_(partial_);
    partial_.clear();
  }

 private:
  static constexpr std::size_t kLongest = 16 * 1024;
  std::function<void(std::string_view)>& on_line_;
  std::string partial_;
};

io::Task<Result<>> follow(io::Loop& loop, int fd, int log, Lines& lines, io::Deadline deadline) {
  io::Readiness readiness(loop);
  CO_TRY_VOID(readiness.watch(fd));
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) {
      const std::string_view bytes(buffer, static_cast<std::size_t>(n));
      [[maybe_unused]] const auto kept = ::write(log, bytes.data(), bytes.size());
      lines.add(bytes);
    } else if (n == 0) {
      lines.flush();
      co_return Result<>();
    } else if (errno == EAGAIN) {
      CO_TRY_VOID(co_await readiness.wait(deadline));
    } else if (errno != EINTR) {
      co_return fail_errno("read");
    }
  }
}

io::Task<Result<>> run(io::Loop& loop, const BuildRequest& request, Lines& lines,
                       io::Deadline deadline) {
  UniqueFd log(::open(request.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!log) co_return fail_errno(fmt::format("cannot write {}", request.log.string()));
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) co_return fail_errno("pipe");
  UniqueFd out(fds[0]), in(fds[1]);
  ::fcntl(out.get(), F_SETFL, O_NONBLOCK);
  auto child = io::Child::spawn(loop, {.argv = {"/bin/sh", "-c", request.command},
                                       .environment = request.environment,
                                       .directory = request.copy,
                                       .stdout_fd = in.get(),
                                       .stderr_fd = in.get(),
                                       .die_with_parent = true,
                                       .cgroup_procs = request.cgroup_procs});
  if (!child) co_return fail(std::move(child).error().in("cannot start the build"));
  in.reset();

  auto followed = co_await follow(loop, out.get(), log.get(), lines, deadline);
  auto status = followed ? co_await child->wait(deadline) : fail(std::move(followed).error());
  if (!status) {
    static_cast<void>(child->signal_group(SIGKILL));
    static_cast<void>(co_await child->wait(io::Deadline::never()));
    co_return fail(std::move(status).error().in("the build"));
  }
  if (!status->success())
    co_return fail(
        Error(Code::kInvalid, fmt::format("the build command failed: {}", status->to_string()))
            .hint(fmt::format("its whole output is in {}", request.log.string())));
  co_return Result<>();
}

}  // namespace

io::Task<Result<BuildResult>> build(io::Loop& loop, io::Worker& worker, BuildRequest request,
                                    std::function<void(std::string_view)> on_line,
                                    io::Deadline deadline) {
  const Instant start = now();
  BuildResult result;
  CO_TRY(result.source, co_await list_source(loop, request.source, deadline));
  const auto copy = [&request, &result] {
    return copy_source(request.source, result.source, request.copy);
  };
  CO_TRY(result.copied, co_await worker.run(loop, copy));
  if (!request.command.empty()) {
    Lines lines(on_line);
    CO_TRY_VOID(co_await run(loop, request, lines, deadline));
  }
  result.duration = now() - start;
  co_return result;
}

}  // namespace fairlead::ship
