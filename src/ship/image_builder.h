// From an artifact to an image that runs in any container engine with nothing else in it: the
// artifact's files, the shared libraries they need, and process 1 (src/launch).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "ship/artifact_store.h"

namespace fairlead::ship {

inline constexpr unsigned kImageUser = 10'001;  // and its group; neither is root
inline constexpr unsigned kImagePort = 8080;    // PORT, where nothing else is said

struct ImageRequest {
  std::string app;
  std::string artifact;              // its digest, in the same store
  std::filesystem::path launch;      // the program fairlead-launch
  std::vector<std::string> command;  // what runs when nothing else is said
  std::string health;                // the path that answers 2xx when ready; "": the port accepts
  std::vector<std::string> environment;  // "NAME=value", more of it
  bool shell = false;                    // /bin/sh comes along: some command needs one
  std::string version;                   // labels: "1.0.1+build.17"
  std::string build;                     // "17", or ""
  std::string commit;                    // or ""
};

// Adds the image to the store: two layers, the lower one shared by all apps that need the same
// libraries. The same request gives the same digest. kNotFound where a library, or launch, is not
// on this machine. Blocking.
Result<Artifact> make_image(ArtifactStore& store, const ImageRequest& request);

}  // namespace fairlead::ship
