// Artifacts: immutable build outputs, named by their content, kept as one OCI image layout
// (image-spec, image-layout.md) that skopeo and podman read in place, and `docker load` after
// export_archive.
//
//   DIR/oci-layout  index.json        which artifacts there are
//   DIR/blobs/sha256/HEX              manifests, configurations, layers: each once, whoever refers
//   to it DIR/trees/HEX/app/…               an artifact unpacked, to run from; made when first
//   asked for
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ship/layer.h"

namespace fairlead::ship {

struct Artifact {
  std::string digest;  // of the image manifest: the artifact's name, "sha256:…"
  std::string app;
  std::uint64_t bytes = 0;  // of its blobs, shared ones included
};

// What to pack. The same files and settings give the same digest; the build's number and time are
// not part of it (they belong to the record of the build).
struct PackRequest {
  std::string app;
  std::filesystem::path root;  // includes are relative to it
  std::vector<std::string> include;
  std::vector<std::string>
      command;  // what the image runs when nothing else is said: the web process
};

struct CleanUp {
  std::size_t artifacts = 0;
  std::uint64_t bytes = 0;
};

// Single writer: one control process. Blocking; call it on an io::Worker.
class ArtifactStore {
 public:
  // Makes the folder if there is none. What a crash left unfinished is removed.
  static Result<ArtifactStore> open(std::filesystem::path folder);

  Result<Artifact> add(const PackRequest& request);
  Result<std::vector<Artifact>> list() const;
  // By digest, or by the first 6 or more of its hex digits if they fit one artifact only.
  Result<Artifact> find(std::string_view name) const;

  // The folder that the artifact's files stand in (…/trees/HEX/app), unpacked on the first call.
  // Read-only by convention: every replica of every release of this artifact runs from it.
  Result<std::filesystem::path> unpacked(std::string_view digest);

  // Removes every artifact that is not in `keep`, and blobs and trees that nothing refers to any
  // more. Files in the folder that are not ours stay.
  Result<CleanUp> remove_all_but(const std::vector<std::string>& keep);

  // Reads every blob of the artifact again and compares digests; kInvalid names the damaged one.
  Result<> verify(std::string_view digest) const;

  // One tar file with the artifact, for `docker load`, `podman load`, `skopeo copy oci-archive:…`;
  // tagged `tag`
  // ("visitors:1.0.1"). And back: every blob is checked against its digest.
  Result<> export_archive(std::string_view digest, std::string_view tag,
                          const std::filesystem::path& file) const;
  Result<Artifact> import_archive(const std::filesystem::path& file);

  // Parts of images that are more than an artifact (image_builder.h, registry.h). A blob that is
  // there already stays as it is.
  Result<Layer> add_layer(const LayerListing& listing);
  Result<std::string> add_blob(std::string_view content);  // gives its digest
  // Lists an image whose blobs are all there; the newest is the last of list().
  Result<Artifact> add_manifest(std::string_view app, std::string_view manifest);
  std::filesystem::path blob(std::string_view digest) const;  // its file, there or not

  std::uint64_t bytes() const;  // on disk, trees included
  const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit ArtifactStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path tree(std::string_view digest) const;
  Result<> take_blob(const std::filesystem::path& file, std::string_view digest);
  Result<> write_index(const std::vector<Artifact>& artifacts);

  std::filesystem::path folder_;
};

// The folders of an unpacked artifact that belong in PATH: those that hold an included executable
// file, and "bin" of included folders; relative to the artifact's root.
std::vector<std::string> program_folders(const std::filesystem::path& root,
                                         const std::vector<std::string>& include);

}  // namespace fairlead::ship
