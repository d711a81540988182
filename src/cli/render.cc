#include "cli/render.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "cli/terminal.h"
#include "config/diagnostic.h"
#include "config/load.h"
#include "io/child.h"
#include "io/sync.h"
#include "target/target.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

std::string_view name_of(target::Fidelity fidelity) {
  switch (fidelity) {
    case target::Fidelity::kCarried:
      return "carried";
    case target::Fidelity::kDiffers:
      return "differs";
    case target::Fidelity::kMissing:
      return "missing";
  }
  return "";
}

void print_json(const target::Rendering& rendering) {
  nlohmann::ordered_json json = {{"files", nlohmann::ordered_json::array()},
                                 {"fidelity", nlohmann::ordered_json::array()}};
  for (const auto& file : rendering.files)
    json["files"].push_back({{"path", file.path}, {"content", file.content}});
  for (const auto& note : rendering.notes)
    json["fidelity"].push_back(
        {{"fidelity", name_of(note.fidelity)}, {"subject", note.subject}, {"text", note.text}});
  fmt::print("{}\n", json.dump(2));
}

// One file as it is; several each under a line with its name.
void print_files(const target::Rendering& rendering) {
  const auto files = std::span(rendering.files).first(rendering.files.size() - 1);  // no report
  for (const auto& file : files) {
    if (files.size() > 1) fmt::print("# ==== {}\n", file.path);
    fmt::print("{}", file.content);
  }
}

// A folder that is gone when this is.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    std::error_code error;
    std::string path = fs::temp_directory_path(error) / "fairlead-render-XXXXXX";
    if (!::mkdtemp(path.data())) return fail_errno(path);
    return TemporaryFolder(std::move(path));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// The target's own programs look at the files. What is not installed is said, and does not fail.
Result<> check_files(const target::Rendering& rendering, const fs::path& folder) {
  TRY(const auto loop, io::Loop::create());
  for (const auto& command : rendering.checks) {
    io::ChildSpec spec{.argv = command, .environment = {}, .directory = folder};
    for (char** entry = environ; *entry; ++entry) spec.environment.emplace_back(*entry);
    const auto done =
        io::block_on(*loop, io::run_command(*loop, std::move(spec), io::Deadline::in(60s)));
    if (!done && done.error().code() == Code::kNotFound) {
      fmt::print(stderr, "not checked: {} is not installed\n", command[0]);
      continue;
    }
    if (!done) return fail(Error(done.error()).in(command[0]));
    const auto line = fmt::format("{}", fmt::join(command, " "));
    if (!done->status.success())
      return fail(
          Error(Code::kInvalid, fmt::format("'{}' refuses it: {}\n{}{}", line,
                                            done->status.to_string(), done->out, done->err)));
    fmt::print(stderr, "checked: {}\n", line);
  }
  return {};
}

Result<> check(const target::Rendering& rendering) {
  TRY(const auto folder, TemporaryFolder::make());
  TRY_VOID(write_files(rendering, folder.path()));
  return check_files(rendering, folder.path());
}

Result<> render(const RenderCommand& command) {
  TRY(const auto rendering, rendered(command));
  if (command.check) TRY_VOID(check(rendering));
  if (!command.out.empty()) {
    TRY_VOID(write_files(rendering, command.out));
    if (!command.json)
      for (const auto& file : rendering.files)
        fmt::print("{}\n", (fs::path(command.out) / file.path).string());
  }
  if (command.json)
    print_json(rendering);
  else if (command.out.empty())
    print_files(rendering);
  print_losses(rendering.notes);
  return {};
}

}  // namespace

void print_losses(std::span<const target::Note> notes) {
  for (const auto& note : notes) {
    if (note.fidelity == target::Fidelity::kCarried) continue;
    const bool missing = note.fidelity == target::Fidelity::kMissing;
    fmt::print(stderr, "{} {}: {}\n",
               styled(stderr, missing ? Style::kRed : Style::kYellow, name_of(note.fidelity)),
               note.subject, note.text);
  }
}

Result<> write_files(const target::Rendering& rendering, const fs::path& folder) {
  for (const auto& file : rendering.files) {
    const auto path = folder / file.path;
    TRY_VOID(make_directories(path.parent_path()));
    TRY_VOID(write_file_atomically(path, file.content));
  }
  return {};
}

Result<target::Rendering> rendered(const RenderCommand& command) {
  auto loaded = config::load(command.app);
  if (!loaded.app) return fail(Code::kInvalid, config::to_text(loaded.diagnostics));
  const bool all = command.environment.empty();
  TRY(const auto app,
      loaded.app->resolve(all ? config::kProduction : std::string_view(command.environment)));
  target::RenderOptions options{
      .image = command.image, .http_port = command.http_port, .console = command.console};
  if (!command.edge_image.empty()) options.edge_image = command.edge_image;
  if (!command.deploy_to.empty()) options.deploy_to = command.deploy_to;
  if (all)
    for (auto& [name, environment] : loaded.app->environments)
      if (name != config::kDev || !environment.branch.empty())
        options.environments.push_back(std::move(environment));
  return target::render(command.target, app, options);
}

int run_render(const RenderCommand& command) {
  const auto done = render(command);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const auto& target : target::targets()) names.emplace_back(target.name);
  return names;
}

}  // namespace fairlead::cli
