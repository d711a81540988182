#include "ship/artifact_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/unique_fd.h"
#include "ship/digest.h"
#include "ship/image.h"
#include "ship/layer.h"

namespace fairlead::ship {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::string hex_of(std::string_view digest) { return std::string(digest.substr(7)); }

Result<> sync_folder(const fs::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0)
    return fail_errno(fmt::format("cannot sync {}", folder.string()));
  return {};
}

// Everything written below `folder` so far is on disk when this returns.
Result<> sync_file_system(const fs::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0)
    return fail_errno(fmt::format("cannot sync {}", folder.string()));
  return {};
}

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    struct stat status{};
    if (::lstat(it->path().c_str(), &status) == 0)
      total += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return total;
}

constexpr std::string_view kUnfinished = ".unfinished-";

}  // namespace

fs::path ArtifactStore::blob(std::string_view digest) const {
  return folder_ / "blobs" / "sha256" / hex_of(digest);
}
fs::path ArtifactStore::tree(std::string_view digest) const {
  return folder_ / "trees" / hex_of(digest);
}

Result<ArtifactStore> ArtifactStore::open(fs::path folder) {
  ArtifactStore store(std::move(folder));
  TRY_VOID(make_directories(store.folder_ / "blobs" / "sha256"));
  TRY_VOID(make_directories(store.folder_ / "trees"));
  std::error_code ignored;
  for (const char* place : {"blobs/sha256", "trees"})
    for (const auto& entry : fs::directory_iterator(store.folder_ / place, ignored))
      if (entry.path().filename().string().starts_with(kUnfinished))
        fs::remove_all(entry.path(), ignored);
  if (!fs::exists(store.folder_ / "oci-layout"))
    TRY_VOID(write_file_atomically(store.folder_ / "oci-layout", kLayoutFile));
  if (!fs::exists(store.folder_ / "index.json")) TRY_VOID(store.write_index({}));
  return store;
}

Result<std::vector<Artifact>> ArtifactStore::list() const {
  TRY(const std::string text, read_file(folder_ / "index.json"));
  return artifacts_of_index(text);
}

Result<> ArtifactStore::write_index(const std::vector<Artifact>& artifacts) {
  json index = {{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", json::array()}};
  for (const auto& artifact : artifacts) {
    std::error_code error;
    const auto size = fs::file_size(blob(artifact.digest), error);
    if (error)
      return fail(Error::system(fmt::format("artifact {}", artifact.digest), error.value()));
    index["manifests"].push_back(
        index_entry(artifact, size, artifact.app + "-" + hex_of(artifact.digest).substr(0, 12)));
  }
  return write_file_atomically(folder_ / "index.json", index.dump(1));
}

Result<Artifact> ArtifactStore::find(std::string_view name) const {
  const std::string_view hex = name.starts_with("sha256:") ? name.substr(7) : name;
  TRY(const auto all, list());
  std::vector<Artifact> matches;
  for (const auto& artifact : all)
    if (hex.size() >= 6 && hex_of(artifact.digest).starts_with(hex)) matches.push_back(artifact);
  if (matches.size() == 1) return matches[0];
  if (matches.empty())
    return fail(
        Error(Code::kNotFound, fmt::format("no artifact '{}'", name))
            .hint("'fairlead artifacts' lists them; six hex digits of the digest are enough"));
  return fail(Error(Code::kInvalid, fmt::format("'{}' fits {} artifacts", name, matches.size()))
                  .hint("give more digits of the digest"));
}

Result<std::string> ArtifactStore::add_blob(std::string_view content) {
  const std::string digest = digest_of(content);
  if (!fs::exists(blob(digest))) TRY_VOID(write_file_atomically(blob(digest), content));
  return digest;
}

// Moves a finished, synced file to its place among the blobs.
Result<> ArtifactStore::take_blob(const fs::path& file, std::string_view digest) {
  if (::rename(file.c_str(), blob(digest).c_str()) != 0) return fail_errno("rename");
  return sync_folder(folder_ / "blobs" / "sha256");
}

Result<Artifact> ArtifactStore::add(const PackRequest& request) {
  const fs::path unfinished =
      folder_ / "blobs" / "sha256" / fmt::format("{}{}", kUnfinished, ::getpid());
  std::error_code ignored;
  fs::remove(unfinished, ignored);
  auto layer = write_layer(request.root, request.include, kImageFolder, unfinished);
  if (!layer) {
    fs::remove(unfinished, ignored);
    return fail(std::move(layer).error().in(fmt::format("cannot pack {}", request.app)));
  }
  TRY_VOID(take_blob(unfinished, layer->digest));

  const std::string configuration = image_configuration(request, *layer);
  TRY(const std::string configuration_digest, add_blob(configuration));
  return add_manifest(request.app, image_manifest({.title = request.app,
                                                   .configuration = configuration_digest,
                                                   .configuration_bytes = configuration.size(),
                                                   .layers = {{layer->digest, layer->bytes}}}));
}

Result<Layer> ArtifactStore::add_layer(const LayerListing& listing) {
  const fs::path unfinished =
      folder_ / "blobs" / "sha256" / fmt::format("{}{}", kUnfinished, ::getpid());
  std::error_code ignored;
  fs::remove(unfinished, ignored);
  auto layer = write_layer(listing, unfinished);
  if (layer) TRY_VOID(take_blob(unfinished, layer->digest));
  fs::remove(unfinished, ignored);
  return layer;
}

Result<Artifact> ArtifactStore::add_manifest(std::string_view app, std::string_view manifest) {
  TRY(const References references, references_of_manifest(manifest));
  TRY(const std::string digest, add_blob(manifest));
  const Artifact artifact{digest, std::string(app), manifest.size() + references.bytes};
  TRY(auto artifacts, list());
  std::erase_if(artifacts, [&](const Artifact& known) { return known.digest == digest; });
  artifacts.push_back(artifact);
  TRY_VOID(write_index(artifacts));
  return artifact;
}

Result<fs::path> ArtifactStore::unpacked(std::string_view digest) {
  if (!is_digest(digest)) return fail(Code::kInvalid, fmt::format("'{}' is not a digest", digest));
  const fs::path place = tree(digest);
  if (fs::exists(place)) return place / kImageFolder;
  TRY(const std::string manifest, read_file(blob(digest)));
  TRY(const auto references, references_of_manifest(manifest));

  // Complete or not there: built beside, synced, then renamed.
  const fs::path unfinished = folder_ / "trees" / fmt::format("{}{}", kUnfinished, hex_of(digest));
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  TRY_VOID(make_directories(unfinished));
  for (const auto& layer : references.layers) TRY_VOID(unpack_layer(blob(layer), unfinished));
  TRY_VOID(sync_file_system(unfinished));
  if (::rename(unfinished.c_str(), place.c_str()) != 0) return fail_errno("rename");
  TRY_VOID(sync_folder(folder_ / "trees"));
  return place / kImageFolder;
}

Result<CleanUp> ArtifactStore::remove_all_but(const std::vector<std::string>& keep) {
  const std::set<std::string> kept(keep.begin(), keep.end());
  TRY(const auto artifacts, list());
  std::vector<Artifact> remaining;
  std::set<std::string> referenced;
  for (const auto& artifact : artifacts) {
    if (!kept.contains(artifact.digest)) continue;
    TRY(const std::string manifest, read_file(blob(artifact.digest)));
    TRY(const auto references, references_of_manifest(manifest));
    referenced.insert(hex_of(artifact.digest));
    referenced.insert(hex_of(references.configuration));
    for (const auto& layer : references.layers) referenced.insert(hex_of(layer));
    remaining.push_back(artifact);
  }
  // First nobody refers to them any more, then they go: a crash in between leaves garbage, never a
  // hole.
  const std::uint64_t before = bytes();
  TRY_VOID(write_index(remaining));
  std::error_code error;
  for (const char* place : {"blobs/sha256", "trees"})
    for (const auto& entry : fs::directory_iterator(folder_ / place, error)) {
      const std::string name = entry.path().filename();
      if (is_digest("sha256:" + name) && !referenced.contains(name))
        fs::remove_all(entry.path(), error);
      if (error)
        return fail(
            Error::system(fmt::format("cannot remove {}", entry.path().string()), error.value()));
    }
  return CleanUp{artifacts.size() - remaining.size(), before - std::min(before, bytes())};
}

Result<> ArtifactStore::verify(std::string_view digest) const {
  if (!is_digest(digest)) return fail(Code::kInvalid, fmt::format("'{}' is not a digest", digest));
  TRY(const std::string manifest, read_file(blob(digest)));
  if (digest_of(manifest) != digest)
    return fail(Code::kInvalid, fmt::format("the manifest {} is damaged", digest));
  TRY(const auto references, references_of_manifest(manifest));
  auto blobs = references.layers;
  blobs.push_back(references.configuration);
  for (const auto& name : blobs) {
    TRY(const std::string actual, digest_of_file(blob(name)));
    if (actual != name) return fail(Code::kInvalid, fmt::format("the blob {} is damaged", name));
  }
  return {};
}

std::uint64_t ArtifactStore::bytes() const { return bytes_below(folder_); }

std::vector<std::string> program_folders(const fs::path& root,
                                         const std::vector<std::string>& include) {
  std::vector<std::string> folders;
  const auto add = [&](const fs::path& folder) {
    const std::string text = folder.empty() ? "." : folder.string();
    if (std::ranges::find(folders, text) == folders.end()) folders.push_back(text);
  };
  for (const auto& name : include) {
    const fs::path path = (fs::path(name) / "").lexically_normal().parent_path();
    std::error_code ignored;
    if (fs::is_directory(root / path, ignored)) {
      if (fs::is_directory(root / path / "bin", ignored)) add(path / "bin");
    } else if (::access((root / path).c_str(), X_OK) == 0) {
      add(path.parent_path());
    }
  }
  return folders;
}

}  // namespace fairlead::ship
