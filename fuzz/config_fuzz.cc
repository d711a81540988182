// Any text as fairlead.toml, with a Procfile where "\n---- Procfile\n" divides it.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "config/load.h"

namespace {

using namespace fairlead::config;

constexpr std::string_view kProcfileMark = "\n---- Procfile\n";

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto mark = input.find(kProcfileMark);
  std::optional<std::string_view> procfile;
  if (mark != std::string_view::npos) procfile = input.substr(mark + kProcfileMark.size());
  const auto loaded = load_text(input.substr(0, mark), "fairlead.toml", procfile);

  demand(loaded.app.has_value() == !has_errors(loaded.diagnostics),
         "an app if and only if no error");
  demand(to_text(loaded.diagnostics, true).size() < 200'000, "messages of bounded size");
  demand(!to_json(loaded.diagnostics).empty(), "messages as JSON");
  for (const auto& diagnostic : loaded.diagnostics)
    demand(!diagnostic.message.empty() && diagnostic.where.line <= size + 1, "a place in the file");
  if (loaded.app)
    for (const auto& [name, spec] : loaded.app->environments)
      demand(!spec.processes.empty() && !to_json(spec).empty(), "an app that runs something");
  return 0;
}
