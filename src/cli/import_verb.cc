#include "cli/import_verb.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/file.h"
#include "cli/render.h"
#include "cli/terminal.h"
#include "config/load.h"
#include "target/import.h"

namespace fairlead::cli {

namespace fs = std::filesystem;

namespace {

Result<std::string> usual_file(const std::string& kind) {
  if (kind == "procfile") return "Procfile";
  for (const auto* name :
       {"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"})
    if (std::error_code error; fs::exists(name, error)) return name;
  return fail(Error(Code::kNotFound, "there is no Compose file here")
                  .hint("name it: fairlead import compose FILE"));
}

Result<> take_over(const ImportOptions& options) {
  std::string file = options.file;
  if (file.empty()) {
    TRY(file, usual_file(options.kind));
  }
  std::error_code error;
  if (options.out != "-" && fs::exists(options.out, error))
    return fail(Error(Code::kExists, fmt::format("{} is there already", options.out))
                    .hint("'--out -' shows what would be written"));
  TRY(const auto text, read_file(file));
  const auto name = fs::absolute(file, error).parent_path().filename().string();
  TRY(const auto imported, options.kind == "compose" ? target::import_compose(text, file, name)
                                                     : target::import_procfile(text, file, name));
  print_losses(imported.notes);
  // Written as it is where it is not right as a whole: what is missing only its owner knows.
  const auto loaded = config::load_text(imported.toml, options.out);
  if (!loaded.diagnostics.empty())
    fmt::print(stderr, "{}", config::to_text(loaded.diagnostics, colours(stderr)));
  if (options.out == "-") {
    fmt::print("{}", imported.toml);
    return {};
  }
  TRY_VOID(write_file_atomically(options.out, imported.toml));
  fmt::print("{}\n", options.out);
  return {};
}

}  // namespace

int run_import(const ImportOptions& options) {
  const auto done = take_over(options);
  if (done) return 0;
  print_error(done.error());
  return 1;
}

}  // namespace fairlead::cli
