// `fairlead deploy --to ENGINE`: the same file and the same artifact, to an engine that exists. Its
// own client does the work; here is what is said to it, in which order, and what is heard.
#pragma once

#include <string>

namespace fairlead::cli {

struct DeployToOptions {
  std::string engine;  // "swarm", "kubernetes" or "ecs"; "": not this, but `fairlead serve`
  std::string folder = ".";
  std::string environment = "production";
  std::string image;       // one that was pushed before; "": built here
  std::string registry;    // where what is built here is pushed to: "registry.example.com/team"
  std::string edge_image;  // "": pushed along with the app's
  std::string stack;       // ecs: the folder with the rendered Terraform and its variables
  unsigned http_port = 80;
  bool no_build = false;
  bool rollback = false;  // to what ran before
  bool json = false;
};

// Gives the exit status; 1 also when the engine has taken the release back.
int run_deploy_to(const DeployToOptions& options);

}  // namespace fairlead::cli
