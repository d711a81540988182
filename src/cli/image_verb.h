// `fairlead image`: images without a container engine.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/app_spec.h"
#include "ship/artifact_store.h"

namespace fairlead::cli {

struct ImageOptions {
  std::string action;              // "build", "export", "push" or "copy"
  std::vector<std::string> words;  // what it is about: a file, or names of images
  std::string app = ".";
  std::string environment = "production";
  std::string build;  // the build's number; "": one more than last time
  std::string image;  // digest; "": the newest of the app
  std::string state;
  bool no_build = false;  // the build command has run already
  bool edge = false;      // the image of `fairlead edge` instead of an app's
  bool json = false;
};

// Gives the exit status.
int run_image(const ImageOptions& options);

// For `deploy --to`: builds the app's image into the store in `state`, and sends it there.
struct BuiltImage {
  ship::Artifact image;
  std::string version;  // "1.0.1+build.17"
};
Result<BuiltImage> build_image(const ImageOptions& options);
Result<> push_image(const ImageOptions& options, const std::string& digest, const std::string& to);

}  // namespace fairlead::cli
