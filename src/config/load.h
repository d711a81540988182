// Reads a fairlead.toml: from text to AppSpecs, or to everything that is wrong with it.
//
//   text → guard → TOML → Document → overlay of each environment → schema → AppSpec → checks
//
// Never throws, never stops at the first error, takes bounded time, memory and stack whatever the
// text. Files are read where this is called; nothing else blocks. Any thread.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/app_spec.h"
#include "config/diagnostic.h"

namespace fairlead::config {

// The names that every app has an environment of; all others are declared by [environments.NAME].
inline constexpr std::string_view kProduction = "production";
inline constexpr std::string_view kDev = "dev";

// A file that is right as a whole: every environment of it can be used.
struct AppFile {
  std::map<std::string, AppSpec, std::less<>> environments;  // by name; production and dev included

  // The app in that environment. kNotFound names the environments there are.
  Result<AppSpec> resolve(std::string_view environment = kProduction) const;
};

struct Loaded {
  std::optional<AppFile> app;           // there if and only if no diagnostic is an error
  std::vector<Diagnostic> diagnostics;  // in the order of the file; warnings among them
};

// `path` is a fairlead.toml or the folder it is in. A folder with nothing but a Procfile is an app
// named after the folder. What cannot be read is a diagnostic like all else.
Loaded load(const std::filesystem::path& path);

// The same from memory. `file` is for the messages; `procfile` is the Procfile's text where there
// is one.
Loaded load_text(std::string_view text, const std::filesystem::path& file,
                 std::optional<std::string_view> procfile = std::nullopt);

// For callers that want one environment or one error: all diagnostics are the error's message.
Result<AppSpec> load_environment(const std::filesystem::path& path,
                                 std::string_view environment = kProduction);

// The resolved spec as JSON, keys as in the file, defaults filled in: for `check --json` and tests.
std::string to_json(const AppSpec& spec);

// docs/fairlead-toml.md: every key, from the tables the file is read by.
std::string reference();

}  // namespace fairlead::config
