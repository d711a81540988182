#include "ship/image_builder.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "ship/digest.h"
#include "ship/elf.h"
#include "ship/image.h"

namespace fairlead::ship {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kLaunch = "fairlead/launch";
constexpr const char* kAuthorities = "etc/ssl/certs/ca-certificates.crt";
constexpr const char* kEpoch = "1970-01-01T00:00:00Z";  // the content decides the digest
constexpr std::uint64_t kNanoseconds = 1'000'000'000;   // in which Docker counts

// Files that stand in the image and not on this machine, in a folder that goes when this does.
class Staging {
 public:
  static Result<Staging> make(const fs::path& beside) {
    std::string path = beside / ".unfinished-image-XXXXXX";
    if (!::mkdtemp(path.data())) return fail_errno(path);
    return Staging(path);
  }
  Staging(Staging&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Staging& operator=(Staging&&) = delete;
  ~Staging() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  Result<> add(LayerListing& listing, const std::string& name, std::string_view content) {
    const fs::path file = path_ / std::to_string(++count_);
    listing[name] = file;
    return write_file_atomically(file, content);
  }
  Result<> add_open_folder(LayerListing& listing, const std::string& name) {
    const fs::path folder = path_ / std::to_string(++count_);
    listing[name] = folder;
    if (::mkdir(folder.c_str(), 0755) != 0 || ::chmod(folder.c_str(), 01777) != 0)
      return fail_errno(folder.string());
    return {};
  }

 private:
  explicit Staging(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
  unsigned count_ = 0;
};

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_regular_file() && !it->is_symlink()) files.push_back(it->path());
  return files;
}

// What the artifact's programs stand on: libraries, users, process 1.
Result<Layer> add_platform(ArtifactStore& store, const ImageRequest& request,
                           const fs::path& files) {
  TRY(auto staging, Staging::make(store.folder()));
  LayerListing listing;
  auto programs = files_below(files);
  if (request.shell) {
    std::error_code error;
    programs.push_back(listing["bin/sh"] = fs::canonical("/bin/sh", error));
  }
  TRY(const auto libraries, libraries_of(programs));
  bool tls = false;
  for (const auto& [place, file] : libraries) {
    listing[place.substr(1)] = file;
    tls = tls || place.contains("/libssl.") || place.contains("/libgnutls.");
  }
  const fs::path authorities = fs::path("/") / kAuthorities;
  if (std::error_code error; tls && fs::exists(authorities, error)) {
    TRY(const auto text, read_file(authorities));
    TRY_VOID(staging.add(listing, kAuthorities, text));
  }
  listing[kLaunch] = request.launch;
  TRY_VOID(staging.add(
      listing, "etc/passwd",
      fmt::format("root:x:0:0:root:/:/sbin/nologin\napp:x:{0}:{0}:app:/data:/sbin/nologin\n",
                  kImageUser)));
  TRY_VOID(staging.add(listing, "etc/group", fmt::format("root:x:0:\napp:x:{}:\n", kImageUser)));
  TRY_VOID(staging.add(listing, "etc/nsswitch.conf", "hosts: files dns\n"));
  TRY_VOID(staging.add_open_folder(listing, "tmp"));
  TRY_VOID(staging.add_open_folder(listing, "data"));
  return store.add_layer(listing);
}

// The PATH that the artifact itself was packed with.
json path_of(const json& configuration) {
  for (const auto& line : configuration["config"]["Env"])
    if (line.is_string() && line.get_ref<const std::string&>().starts_with("PATH=")) return line;
  return "PATH=/usr/local/bin:/usr/bin:/bin";
}

json labels_of(const ImageRequest& request) {
  json labels = {{"org.opencontainers.image.title", request.app},
                 {"org.opencontainers.image.version", request.version},
                 {"dev.fairlead.artifact", request.artifact}};
  if (!request.build.empty()) labels["dev.fairlead.build"] = request.build;
  if (!request.commit.empty()) labels["org.opencontainers.image.revision"] = request.commit;
  return labels;
}

json configuration_of(const ImageRequest& request, const json& artifact, const Layer& platform) {
  json probe = {"CMD", fmt::format("/{}", kLaunch), "--probe"};
  if (!request.health.empty()) probe.push_back(request.health);
  json diff_ids = {platform.diff_id};
  for (const auto& id : artifact["rootfs"]["diff_ids"]) diff_ids.push_back(id);
  json history = json::array();
  for (std::size_t i = 0; i < diff_ids.size(); ++i)
    history.push_back({{"created", kEpoch}, {"created_by", "fairlead image build"}});
  json environment = {path_of(artifact), "HOME=/data", "HOST=0.0.0.0",
                      fmt::format("PORT={}", kImagePort),
                      fmt::format("APP_VERSION={}", request.version)};
  for (const auto& line : request.environment) environment.push_back(line);
  return {{"architecture", kArchitecture},
          {"os", "linux"},
          {"created", kEpoch},
          {"config",
           {{"User", fmt::format("{0}:{0}", kImageUser)},
            {"Env", environment},
            {"Entrypoint", {fmt::format("/{}", kLaunch)}},
            {"Cmd", request.command},
            {"WorkingDir", fmt::format("/{}", kImageFolder)},
            {"ExposedPorts", {{fmt::format("{}/tcp", kImagePort), json::object()}}},
            {"StopSignal", "SIGTERM"},
            // Docker's own addition, which the OCI's specification leaves room for.
            {"Healthcheck",
             {{"Test", probe},
              {"Interval", 2 * kNanoseconds},
              {"Timeout", 3 * kNanoseconds},
              {"StartPeriod", 30 * kNanoseconds},
              {"Retries", 3}}},
            {"Labels", labels_of(request)}}},
          {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
          {"history", history}};
}

}  // namespace

Result<Artifact> make_image(ArtifactStore& store, const ImageRequest& request) {
  TRY(const auto files, store.unpacked(request.artifact));
  TRY(const std::string manifest, read_file(store.blob(request.artifact)));
  TRY(const References references, references_of_manifest(manifest));
  TRY(const std::string text, read_file(store.blob(references.configuration)));
  const json artifact = json::parse(text, nullptr, false);
  if (!artifact.is_object() || !artifact.contains("rootfs") || !artifact.contains("config"))
    return fail(Code::kInvalid, fmt::format("{} is not an artifact", request.artifact));
  TRY(const Layer platform, add_platform(store, request, files));

  ManifestParts parts{.title = request.app, .layers = {{platform.digest, platform.bytes}}};
  for (const auto& layer : references.layers) {
    std::error_code error;
    parts.layers.push_back({layer, fs::file_size(store.blob(layer), error)});
  }
  const std::string configuration = configuration_of(request, artifact, platform).dump();
  TRY(parts.configuration, store.add_blob(configuration));
  parts.configuration_bytes = configuration.size();
  return store.add_manifest(request.app, image_manifest(parts));
}

}  // namespace fairlead::ship
