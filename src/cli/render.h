// `fairlead render`: the app, written for another engine.
#pragma once

#include <string>
#include <vector>

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

}  // namespace fairlead::cli
