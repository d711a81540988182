// ArtifactStore's way in and out: one tar file that is an OCI layout (podman, skopeo) and a Docker
// archive (docker load).
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "ship/artifact_store.h"
#include "ship/digest.h"
#include "ship/image.h"

namespace fairlead::ship {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};

std::unexpected<Error> fail_archive(const fs::path& file, archive* a) {
  const char* text = archive_error_string(a);
  return fail(Code::kInvalid, fmt::format("{}: {}", file.string(), text ? text : "unknown reason"));
}

Result<> add_header(archive* out, const fs::path& file, const std::string& name,
                    std::uint64_t size) {
  std::unique_ptr<archive_entry, decltype([](archive_entry* e) { archive_entry_free(e); })> entry(
      archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  if (archive_write_header(out, entry.get()) != ARCHIVE_OK) return fail_archive(file, out);
  return {};
}

Result<> add_text(archive* out, const fs::path& file, const std::string& name,
                  std::string_view text) {
  TRY_VOID(add_header(out, file, name, text.size()));
  if (archive_write_data(out, text.data(), text.size()) != static_cast<la_ssize_t>(text.size()))
    return fail_archive(file, out);
  return {};
}

Result<> add_file(archive* out, const fs::path& file, const std::string& name,
                  const fs::path& source) {
  std::error_code error;
  const auto size = fs::file_size(source, error);
  UniqueFd fd(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (error || !fd) return fail_errno(fmt::format("cannot read {}", source.string()));
  TRY_VOID(add_header(out, file, name, size));
  char buffer[65536];
  for (ssize_t n; (n = ::read(fd.get(), buffer, sizeof buffer)) != 0;) {
    if (n < 0) return fail_errno(fmt::format("cannot read {}", source.string()));
    if (archive_write_data(out, buffer, static_cast<std::size_t>(n)) != n)
      return fail_archive(file, out);
  }
  return {};
}

std::string blob_name(std::string_view digest) {
  return fmt::format("blobs/sha256/{}", digest.substr(7));
}

// Unpacks the layout's own files, and nothing else, into `stage`.
Result<> stage_archive(const fs::path& file, const fs::path& stage) {
  std::unique_ptr<archive, FreeReader> in(archive_read_new());
  archive_read_support_format_tar(in.get());
  archive_read_support_filter_gzip(in.get());
  if (archive_read_open_filename(in.get(), file.c_str(), 65536) != ARCHIVE_OK)
    return fail_archive(file, in.get());
  for (archive_entry* entry = nullptr;;) {
    const int result = archive_read_next_header(in.get(), &entry);
    if (result == ARCHIVE_EOF) return {};
    if (result != ARCHIVE_OK) return fail_archive(file, in.get());
    std::string name = archive_entry_pathname(entry);
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    if (name.starts_with("blobs/sha256/")) {
      name = name.substr(13);
      if (!is_digest("sha256:" + name)) continue;
    } else if (name != "index.json") {
      continue;
    }
    UniqueFd fd(::open((stage / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) return fail_errno(fmt::format("cannot write {}", (stage / name).string()));
    if (archive_read_data_into_fd(in.get(), fd.get()) != ARCHIVE_OK)
      return fail_archive(file, in.get());
    if (::fsync(fd.get()) != 0) return fail_errno("fsync");
  }
}

Result<> check_staged(const fs::path& stage, const std::string& digest) {
  auto actual = digest_of_file(stage / digest.substr(7));
  if (!actual) return fail(Code::kInvalid, fmt::format("the archive lacks the blob {}", digest));
  if (*actual != digest)
    return fail(Code::kInvalid, fmt::format("the archive's blob {} is damaged", digest));
  return {};
}

}  // namespace

Result<> ArtifactStore::export_archive(std::string_view digest, std::string_view tag,
                                       const fs::path& file) const {
  TRY(const Artifact artifact, find(digest));
  TRY(const std::string manifest, read_file(blob(artifact.digest)));
  TRY(const References references, references_of_manifest(manifest));

  std::unique_ptr<archive, FreeWriter> out(archive_write_new());
  archive_write_set_format_ustar(out.get());
  const fs::path unfinished = file.string() + ".unfinished";
  if (archive_write_open_filename(out.get(), unfinished.c_str()) != ARCHIVE_OK)
    return fail_archive(file, out.get());

  const json index = {{"schemaVersion", 2},
                      {"mediaType", kIndexType},
                      {"manifests", {index_entry(artifact, manifest.size(), tag)}}};
  json layers = json::array();
  for (const auto& layer : references.layers) layers.push_back(blob_name(layer));
  const json docker = json::array(
      {{{"Config", blob_name(references.configuration)}, {"RepoTags", {tag}}, {"Layers", layers}}});
  TRY_VOID(add_text(out.get(), file, "oci-layout", kLayoutFile));
  TRY_VOID(add_text(out.get(), file, "index.json", index.dump()));
  TRY_VOID(add_text(out.get(), file, "manifest.json", docker.dump()));
  TRY_VOID(add_text(out.get(), file, blob_name(artifact.digest), manifest));
  TRY_VOID(add_file(out.get(), file, blob_name(references.configuration),
                    blob(references.configuration)));
  for (const auto& layer : references.layers)
    TRY_VOID(add_file(out.get(), file, blob_name(layer), blob(layer)));
  if (archive_write_close(out.get()) != ARCHIVE_OK) return fail_archive(file, out.get());
  if (::rename(unfinished.c_str(), file.c_str()) != 0) return fail_errno("rename");
  return {};
}

Result<Artifact> ArtifactStore::import_archive(const fs::path& file) {
  const fs::path stage =
      folder_ / "blobs" / "sha256" / fmt::format(".unfinished-import-{}", ::getpid());
  std::error_code ignored;
  fs::remove_all(stage, ignored);
  TRY_VOID(make_directories(stage));
  struct RemoveStage {
    const fs::path& path;
    ~RemoveStage() {
      std::error_code error;
      fs::remove_all(path, error);
    }
  } remove_stage{stage};
  TRY_VOID(stage_archive(file, stage));

  auto index = read_file(stage / "index.json");
  if (!index)
    return fail(Code::kInvalid,
                fmt::format("{} is not an OCI archive: it has no index.json", file.string()));
  TRY(auto named, artifacts_of_index(*index));
  if (named.size() != 1)
    return fail(Code::kInvalid,
                fmt::format("{} holds {} images; one is expected", file.string(), named.size()));
  Artifact artifact = std::move(named[0]);
  TRY_VOID(check_staged(stage, artifact.digest));
  TRY(const std::string manifest, read_file(stage / artifact.digest.substr(7)));
  TRY(const References references, references_of_manifest(manifest));
  auto blobs = references.layers;
  blobs.push_back(references.configuration);
  for (const auto& name : blobs) TRY_VOID(check_staged(stage, name));
  blobs.push_back(artifact.digest);
  for (const auto& name : blobs)
    if (fs::exists(stage / name.substr(7))) TRY_VOID(take_blob(stage / name.substr(7), name));

  artifact.app = references.app;
  artifact.bytes = references.bytes + manifest.size();
  TRY(auto artifacts, list());
  for (const auto& known : artifacts)
    if (known.digest == artifact.digest) return known;
  artifacts.push_back(artifact);
  TRY_VOID(write_index(artifacts));
  return artifact;
}

}  // namespace fairlead::ship
