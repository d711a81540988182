#include "cli/build_step.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fairlead::cli {

io::Task<Result<>> build(const supervise::Surroundings& surroundings,
                         const supervise::EnvironmentSpec& environment, Progress& progress,
                         io::Deadline deadline) {
  const auto& spec = environment.app.build;
  if (spec.command.empty()) co_return Result<>();
  progress.step(fmt::format("building {}", environment.app.name));
  CO_TRY(auto output, supervise::Output::open(surroundings.loop, surroundings.folder / "build.log",
                                              surroundings.logs, "build",
                                              [&](std::span<const std::string_view> lines) {
                                                for (const auto line : lines) progress.line(line);
                                              }));
  supervise::Command command{.name = "build",
                             .argv = {"/bin/sh", "-c", spec.command},
                             .directory = environment.root,
                             .isolate = false};
  for (const auto& [name, value] : environment.variables)
    command.environment.push_back(fmt::format("{}={}", name, value));
  auto run = supervise::Run::start(surroundings, command, *output);
  if (!run) co_return fail(std::move(run).error().in("cannot build"));
  const auto ended = co_await (*run)->exited().wait(deadline);
  if (!ended) {
    co_await (*run)->stop(5s);
    co_return fail(Error(ended.error()).in("building"));
  }
  if ((*run)->status()->success()) co_return Result<>();
  co_return fail(Error(Code::kUnavailable, fmt::format("the build failed with {}:\n    {}",
                                                       (*run)->status()->to_string(),
                                                       fmt::join(output->last_lines(20), "\n    ")))
                     .hint(fmt::format("run it by hand: cd {} && {}", environment.root.string(),
                                       spec.command)));
}

}  // namespace fairlead::cli
