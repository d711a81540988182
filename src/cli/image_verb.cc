#include "cli/image_verb.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "cli/app_setup.h"
#include "cli/terminal.h"
#include "config/command_line.h"
#include "config/load.h"
#include "io/child.h"
#include "io/sync.h"
#include "ship/image_builder.h"
#include "ship/registry.h"
#include "ship/source.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

constexpr Duration kBuildTime = std::chrono::hours(1);
constexpr Duration kTransferTime = std::chrono::hours(1);
constexpr const char* kEdgeName = "fairlead-edge";

fs::path own_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

fs::path state_of(const ImageOptions& options) {
  if (!options.state.empty()) return options.state;
  const fs::path app = options.app;
  return (fs::is_directory(app) ? app : app.parent_path()) / ".fairlead";
}

Result<ship::ArtifactStore> open_store(const ImageOptions& options) {
  return ship::ArtifactStore::open(state_of(options) / "images");
}

// Counted up in the state folder, unless the caller (a pipeline) counts.
Result<std::string> build_number(const ImageOptions& options) {
  if (!options.build.empty()) return options.build;
  const fs::path file = state_of(options) / "image-build";
  const auto last = parse_unsigned(trim(read_file(file).value_or("0")));
  const auto next = std::to_string(last.value_or(0) + 1);
  TRY_VOID(make_directories(file.parent_path()));
  TRY_VOID(write_file_atomically(file, next));
  return next;
}

Result<> run_build(io::Loop& loop, const config::AppSpec& app) {
  io::ChildSpec spec{.argv = {"/bin/sh", "-c", app.build.command},
                     .directory = root_of(app),
                     .stdout_fd = 2,  // what it says is progress
                     .stderr_fd = 2};
  for (char** entry = environ; *entry; ++entry) spec.environment.emplace_back(*entry);
  TRY(auto child, io::Child::spawn(loop, std::move(spec)));
  TRY(const auto status, io::block_on(loop, child.wait(io::Deadline::in(kBuildTime))));
  if (status.success()) return {};
  return fail(Code::kInvalid, fmt::format("the build command ended with {}", status.to_string()));
}

bool needs_shell(const config::AppSpec& app) {
  const auto is_shell = [](std::string_view command) {
    const auto words = config::command_line(command);
    return !words.empty() && words[0] == "/bin/sh";
  };
  return is_shell(app.deploy.release_command) ||
         std::ranges::any_of(app.processes, is_shell, &config::ProcessSpec::command);
}

Result<BuiltImage> build_app(io::Loop& loop, const ImageOptions& options) {
  TRY(const auto app, config::load_environment(options.app, options.environment));
  if (!options.no_build && !app.build.command.empty()) TRY_VOID(run_build(loop, app));
  TRY(const auto source,
      io::block_on(loop, ship::list_source(loop, root_of(app), io::Deadline::in(60s))));
  TRY(auto store, open_store(options));
  TRY(const auto number, build_number(options));
  const auto* web = app.process("web");
  if (!web && !app.processes.empty()) web = &app.processes.front();
  const auto command = web ? config::command_line(web->command) : std::vector<std::string>();
  TRY(const auto artifact,
      store.add({.app = app.name,
                 .root = root_of(app),
                 .include = app.build.include.empty() ? source.files : app.build.include,
                 .command = command}));
  BuiltImage built{.version = fmt::format("{}+build.{}", app.version, number)};
  std::vector<std::string> environment;
  if (app.services.empty())  // as 'up' and 'serve' have it
    environment.push_back(fmt::format("DATABASE_URL=sqlite:///data/{}.db", app.name));
  TRY(built.image, ship::make_image(store, {.app = app.name,
                                            .artifact = artifact.digest,
                                            .launch = own_folder() / "fairlead-launch",
                                            .command = command,
                                            .health = web ? web->health : "",
                                            .environment = std::move(environment),
                                            .shell = needs_shell(app),
                                            .version = built.version,
                                            .build = number,
                                            .commit = source.changed ? "" : source.commit}));
  return built;
}

// The edge alone, for in front of containers: it finds them by name (edge --follow).
Result<BuiltImage> build_edge(const ImageOptions& options) {
  TRY(auto store, open_store(options));
  const std::vector<std::string> command = {"/app/fairlead", "edge",     "--state",
                                            "/tmp/edge",     "--follow", "/etc/fairlead/edge.json"};
  TRY(const auto artifact,
      store.add(
          {.app = kEdgeName, .root = own_folder(), .include = {"fairlead"}, .command = command}));
  BuiltImage built{.version = FAIRLEAD_VERSION};
  TRY(built.image, ship::make_image(store, {.app = kEdgeName,
                                            .artifact = artifact.digest,
                                            .launch = own_folder() / "fairlead-launch",
                                            .command = command,
                                            .version = FAIRLEAD_VERSION}));
  return built;
}

// The image that is meant: by its digest, or the newest of the app.
Result<ship::Artifact> chosen(const ship::ArtifactStore& store, const ImageOptions& options) {
  if (!options.image.empty()) return store.find(options.image);
  std::string name = kEdgeName;
  if (!options.edge) {
    TRY(const auto app, config::load_environment(options.app, options.environment));
    name = app.name;
  }
  TRY(const auto all, store.list());
  for (auto image = all.rbegin(); image != all.rend(); ++image)
    if (image->app == name) return *image;
  return fail(Error(Code::kNotFound, fmt::format("no image of {} has been built", name))
                  .hint("fairlead image build"));
}

void say(const ImageOptions& options, const ship::Artifact& image, std::string_view version) {
  if (options.json)
    fmt::print("{}\n", nlohmann::ordered_json({{"digest", image.digest},
                                               {"app", image.app},
                                               {"bytes", image.bytes},
                                               {"version", version}})
                           .dump(2));
  else
    fmt::print("{} {} {} {}\n", image.digest, image.app, version, human_bytes(image.bytes));
}

Result<> need_words(const ImageOptions& options, std::size_t count, std::string_view what) {
  if (options.words.size() == count) return {};
  return fail(Code::kInvalid, fmt::format("'image {}' wants {}", options.action, what));
}

Result<> push_from(const ship::ArtifactStore& store, const std::string& digest,
                   const std::string& to) {
  TRY(const auto name, ship::parse_image_name(to));
  TRY(const auto loop, io::Loop::create());
  Progress progress;
  ship::Registry registry(*loop, name, ship::login_for(name));
  const auto on_step = [&](std::string_view step) { progress.step(std::string(step)); };
  TRY(const auto pushed,
      io::block_on(*loop, registry.push(store, digest, on_step, io::Deadline::in(kTransferTime))));
  progress.clear();
  fmt::print(stderr, "{}: {} sent in {} blobs\n", name.to_string(), human_bytes(pushed.bytes),
             pushed.blobs);
  return {};
}

Result<> build(const ImageOptions& options) {
  TRY_VOID(need_words(options, 0, "nothing more"));
  TRY(const auto built, build_image(options));
  say(options, built.image, built.version);
  return {};
}

Result<> export_file(const ImageOptions& options) {
  TRY_VOID(need_words(options, 2, "the name that the image gets, and a file: shop:1.0 shop.tar"));
  TRY(const auto store, open_store(options));
  TRY(const auto image, chosen(store, options));
  return store.export_archive(image.digest, options.words[0], options.words[1]);
}

Result<> push(const ImageOptions& options) {
  TRY_VOID(need_words(options, 1, "a name: registry.example.com/team/shop:1.0"));
  TRY(const auto store, open_store(options));
  TRY(const auto image, chosen(store, options));
  TRY_VOID(push_from(store, image.digest, options.words[0]));
  say(options, image, "");
  return {};
}

// From an archive, or from one registry, to another.
Result<> copy(const ImageOptions& options) {
  TRY_VOID(need_words(options, 2, "two names, of which the first may be an archive"));
  TRY(auto store, open_store(options));
  ship::Artifact image;
  if (std::error_code error; fs::is_regular_file(options.words[0], error)) {
    TRY(image, store.import_archive(options.words[0]));
  } else {
    TRY(const auto from, ship::parse_image_name(options.words[0]));
    TRY(const auto loop, io::Loop::create());
    ship::Registry registry(*loop, from, ship::login_for(from));
    TRY(image, io::block_on(*loop, registry.pull(store, io::Deadline::in(kTransferTime))));
  }
  TRY_VOID(push_from(store, image.digest, options.words[1]));
  say(options, image, "");
  return {};
}

}  // namespace

Result<BuiltImage> build_image(const ImageOptions& options) {
  if (options.edge) return build_edge(options);
  TRY(const auto loop, io::Loop::create());
  return build_app(*loop, options);
}

Result<> push_image(const ImageOptions& options, const std::string& digest, const std::string& to) {
  TRY(const auto store, open_store(options));
  return push_from(store, digest, to);
}

int run_image(const ImageOptions& options) {
  const auto done = options.action == "build"    ? build(options)
                    : options.action == "export" ? export_file(options)
                    : options.action == "push"   ? push(options)
                                                 : copy(options);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

}  // namespace fairlead::cli
