// Any text as fairlead.toml, with a Procfile where "\n---- Procfile\n" divides it.
#include <string_view>

#include "config/load.h"
#include "fuzz/targets.h"

namespace fairlead::fuzz {

namespace {

using namespace fairlead::config;

constexpr std::string_view kProcfileMark = "\n---- Procfile\n";

}  // namespace

void config(std::string_view bytes) {
  const auto mark = bytes.find(kProcfileMark);
  std::optional<std::string_view> procfile;
  if (mark != std::string_view::npos) procfile = bytes.substr(mark + kProcfileMark.size());
  const auto loaded = load_text(bytes.substr(0, mark), "fairlead.toml", procfile);

  require(loaded.app.has_value() == !has_errors(loaded.diagnostics),
          "an app if and only if no error");
  require(to_text(loaded.diagnostics, true).size() < 200'000, "messages of bounded size");
  require(!to_json(loaded.diagnostics).empty(), "messages as JSON");
  for (const auto& diagnostic : loaded.diagnostics)
    require(!diagnostic.message.empty() && diagnostic.where.line <= bytes.size() + 1,
            "a place in the file");
  if (loaded.app)
    for (const auto& [name, spec] : loaded.app->environments)
      require(!spec.processes.empty() && !to_json(spec).empty(), "an app that runs something");
}

}  // namespace fairlead::fuzz
