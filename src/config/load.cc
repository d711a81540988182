#include "config/load.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/strings.h"
#include "config/check.h"
#include "config/procfile.h"
#include "config/scan.h"
#include "config/schema.h"
#include "config/toml.h"
#include "config/values.h"

namespace fairlead::config {
namespace {

constexpr std::size_t kMostEnvironments = 32;

// The environments part of a file, taken out of it.
Node take_environments(Node& root) {
  auto* member = root.find("environments");
  if (!member || member->node.kind != Kind::kTable) return {};
  return std::exchange(member->node, {});
}

// Reports keys that may not stand where they do: `place` is where they may not.
void check_places(const Node& table, Place place, std::string_view problem,
                  Diagnostics& diagnostics) {
  for (const auto& member : table.members)
    if (const auto* key = app_schema().find(member.name); key && key->place == place)
      diagnostics.error(member.span, fmt::format("'{}' {}", member.name, problem));
}

// Defaults that follow from other keys.
void fill_in(AppSpec& spec) {
  if (spec.routes.empty() && spec.process("web"))
    spec.routes.push_back({.host = spec.name + ".localhost", .process = "web"});
  for (auto& route : spec.routes)
    if (route.limit.burst == 0) route.limit.burst = route.limit.rate.count;
}

// Reads the documents of one file, one for each environment.
class FileReader {
 public:
  FileReader(const std::filesystem::path& file, bool complete, Diagnostics& diagnostics)
      : file_(file), complete_(complete), diagnostics_(diagnostics) {}

  AppFile read(Node root) {
    const auto environments = take_environments(root);
    check_places(root, Place::kOnlyInEnvironments, "belongs in [environments.NAME]", diagnostics_);
    const auto plain = read_one(root);  // what all environments share is reported as such
    for (const auto name : {kProduction, kDev})
      if (!environments.find(name)) add(name, plain);
    if (environments.members.size() > kMostEnvironments) {
      diagnostics_.error(environments.members[kMostEnvironments].span,
                         fmt::format("more than {} environments", kMostEnvironments));
      return std::move(app_);
    }
    for (const auto& environment : environments.members)
      if (!is_free_key(environment.name)) read_environment(root, environment);
    return std::move(app_);
  }

 private:
  void read_environment(const Node& root, const Member& environment) {
    if (auto name = parse_name(environment.name); !name)
      return diagnostics_.error(environment.span, name.error().message(), name.error().hint());
    if (environment.node.kind != Kind::kTable)
      return diagnostics_.error(environment.span,
                                fmt::format("environment '{}' must be a table, not {}",
                                            environment.name, to_string(environment.node.kind)));
    check_places(environment.node, Place::kNotInEnvironments, "cannot be set by an environment",
                 diagnostics_);
    Node merged = root;
    lay_over(merged, environment.node);
    diagnostics_.in_environment(environment.name);
    add(environment.name, read_one(merged));
    diagnostics_.in_environment("");
  }

  AppSpec read_one(const Node& document) {
    AppSpec spec;
    spec.file = file_;
    Reader reader(diagnostics_, complete_);
    reader.read_table(app_schema(), {"", {{1, 1}}, document}, &spec);
    if (complete_) check(spec, document, reader, diagnostics_);
    fill_in(spec);
    return spec;
  }

  void add(std::string_view name, AppSpec spec) {
    spec.environment = name;
    app_.environments.emplace(name, std::move(spec));
  }

  const std::filesystem::path& file_;
  bool complete_;
  Diagnostics& diagnostics_;
  AppFile app_;
};

Loaded failed(const std::filesystem::path& file, std::string message, std::string suggestion = "") {
  Diagnostics diagnostics(file.string(), "");
  diagnostics.error({{0, 0}}, std::move(message), std::move(suggestion));
  return {std::nullopt, diagnostics.take()};
}

// `name = "…"` for a folder that has a Procfile alone.
std::string minimal_file(const std::filesystem::path& folder) {
  std::error_code ignored;
  const auto name = std::filesystem::canonical(folder, ignored).filename().string();
  return fmt::format("name = \"{}\"", nearest_name(name).value_or("app"));
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

Result<AppSpec> AppFile::resolve(std::string_view environment) const {
  if (const auto found = environments.find(environment); found != environments.end())
    return found->second;
  std::string known;
  for (const auto& [name, spec] : environments) known += (known.empty() ? "" : ", ") + name;
  return fail(Error(Code::kNotFound, fmt::format("there is no environment '{}'", environment))
                  .hint("there are: " + known));
}

Loaded load_text(std::string_view text, const std::filesystem::path& file,
                 std::optional<std::string_view> procfile) {
  Diagnostics diagnostics(file.string(), text);
  if (!fit_to_parse(text, diagnostics)) return {std::nullopt, diagnostics.take()};
  auto parsed = parse_toml(text, diagnostics);

  Diagnostics procfile_diagnostics((file.parent_path() / "Procfile").string(),
                                   procfile.value_or(""));
  if (procfile && !parsed.root.find("processes") && fit_to_parse(*procfile, procfile_diagnostics))
    read_procfile(*procfile, parsed.root, procfile_diagnostics);

  Loaded loaded;
  auto app = FileReader(file, parsed.complete && !procfile_diagnostics.failed(), diagnostics)
                 .read(std::move(parsed.root));
  loaded.diagnostics = diagnostics.take();
  for (auto& diagnostic : procfile_diagnostics.take())
    loaded.diagnostics.push_back(std::move(diagnostic));
  if (!has_errors(loaded.diagnostics)) loaded.app = std::move(app);
  return loaded;
}

Loaded load(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  const auto file = (is_folder ? path / "fairlead.toml" : path).lexically_normal();
  const auto folder = file.parent_path().empty() ? "." : file.parent_path();
  const auto procfile_path = (file.parent_path() / "Procfile").lexically_normal();

  std::optional<std::string> procfile;
  if (is_there(procfile_path)) {
    auto text = read_file(procfile_path, kMaxFile);
    if (!text) return failed(procfile_path, text.error().message());
    procfile = *std::move(text);
  }
  if (is_folder && procfile && !is_there(file))
    return load_text(minimal_file(folder), procfile_path, procfile);

  auto text = read_file(file, kMaxFile);
  if (!text) {
    const bool missing = text.error().code() == Code::kNotFound;
    return failed(
        file, missing ? "there is no such file" : text.error().message(),
        missing ? "two lines are enough: name = \"…\" and processes.web.command = \"…\"" : "");
  }
  return load_text(*text, file, procfile);
}

Result<AppSpec> load_environment(const std::filesystem::path& path, std::string_view environment) {
  auto loaded = load(path);
  if (!loaded.app) return fail(Code::kInvalid, to_text(loaded.diagnostics));
  return loaded.app->resolve(environment);
}

std::string to_json(const AppSpec& spec) {
  Json json = {{"environment", spec.environment}};
  json.update(app_schema().write(&spec));
  return json.dump(2);
}

}  // namespace fairlead::config
