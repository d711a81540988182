// The same app for engines that exist: a spec goes in, files come out, with a report of what the
// engine does differently. Pure text: nothing is read, written or run. Any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/app_spec.h"

namespace fairlead::target {

struct File {
  std::string path;  // relative to the output folder
  std::string content;
};

enum class Fidelity : std::uint8_t {
  kCarried,  // works there as here
  kDiffers,  // works, but not in the same way
  kMissing   // cannot be said there, or is left to the reader
};

struct Note {
  Fidelity fidelity;
  std::string subject;  // the key of fairlead.toml: "processes.web.replicas"
  std::string text;     // one sentence without full stop
};

struct Rendering {
  std::vector<File> files;  // FIDELITY.md is the last of them
  std::vector<Note> notes;
  // Programs that can tell whether the files are right, to be run in the output folder; 0 is right.
  std::vector<std::vector<std::string>> checks;
};

struct RenderOptions {
  std::string image;  // "registry.example.com/visitors:1.0.1"; "" for NAME:VERSION
  std::string edge_image = "fairlead-edge:latest";  // made by 'fairlead image build --edge'
  // The app in its other environments, for targets that hold several: overlays, stages.
  std::vector<config::AppSpec> environments;
  std::string deploy_to = "swarm";  // where pipelines deploy: what 'fairlead deploy --to' takes
  unsigned http_port = 8080;        // where users reach the app, for targets that listen themselves
  bool console = false;             // a database console (Adminer), for targets that can
};

struct Target {
  std::string_view name;     // "compose"
  std::string_view summary;  // "Docker Compose, the edge in front"
};
std::span<const Target> targets();

// The same spec and options give the same bytes. kNotFound for a target that there is not, with the
// nearest as hint; kInvalid where the target cannot hold the app, naming file and line.
Result<Rendering> render(std::string_view target, const config::AppSpec& app,
                         const RenderOptions& options = {});

}  // namespace fairlead::target
