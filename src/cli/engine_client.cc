#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/strings.h"
#include "cli/engine.h"
#include "io/sync.h"

namespace fairlead::cli {

Result<std::string> Client::run(std::vector<std::string> argv, Duration patience) {
  io::ChildSpec spec{.argv = argv};
  for (char** entry = environ; *entry; ++entry) spec.environment.emplace_back(*entry);
  const auto done =
      io::block_on(loop_, io::run_command(loop_, std::move(spec), io::Deadline::in(patience)));
  if (!done && done.error().code() == Code::kNotFound)
    return fail(Error(Code::kNotFound, fmt::format("{} is not installed", argv[0])));
  if (!done) return fail(Error(done.error()).in(argv[0]));
  if (done->status.success()) return done->out;
  return fail(Code::kUnavailable,
              fmt::format("'{}' ended with {}:\n{}", fmt::join(argv, " "), done->status.to_string(),
                          trim(done->err.empty() ? done->out : done->err)));
}

Result<> Client::show(std::vector<std::string> argv, Duration patience) {
  TRY(const auto out, run(std::move(argv), patience));
  for (const auto line : split(out, '\n'))
    if (!line.empty()) progress_.line(line);
  return {};
}

Result<> Client::wait(Duration duration) { return io::block_on(loop_, io::sleep(loop_, duration)); }

}  // namespace fairlead::cli
