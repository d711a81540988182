// `fairlead render`: the app, written for another engine.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "target/target.h"

namespace fairlead::cli {

struct RenderCommand {
  std::string target;
  std::string app = ".";
  std::string environment;  // "": production, and the others too where a target holds several
  std::string out;          // the folder that the files go to; "": to stdout
  std::string image;
  std::string edge_image;
  std::string deploy_to;
  unsigned http_port = 8080;
  bool console = false;
  bool check = false;
  bool json = false;
};

// Files (or their names) on stdout, the fidelity report on stderr. Gives the exit status.
int run_render(const RenderCommand& command);

std::vector<std::string> target_names();

// What the command renders; nothing is written.
Result<target::Rendering> rendered(const RenderCommand& command);
Result<> write_files(const target::Rendering& rendering, const std::filesystem::path& folder);
// What differs or is missing, on stderr: the reader should not have to look for it.
void print_losses(std::span<const target::Note> notes);

}  // namespace fairlead::cli
