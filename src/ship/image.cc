#include "ship/image.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ship/digest.h"

namespace fairlead::ship {

using nlohmann::json;

namespace {

constexpr const char* kConfigurationType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kTitle = "org.opencontainers.image.title";
constexpr const char* kReference = "org.opencontainers.image.ref.name";
constexpr const char* kBytes = "dev.fairlead.artifact.bytes";

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::kInvalid, fmt::format("not an OCI image: {}", what));
}

// A descriptor's digest, or "" if it has none that is one.
std::string digest_in(const json& descriptor) {
  if (!descriptor.is_object()) return {};
  const std::string digest =
      descriptor.value("digest", json()).is_string() ? descriptor["digest"] : "";
  return is_digest(digest) ? digest : "";
}

std::uint64_t size_in(const json& descriptor) {
  const json size = descriptor.value("size", json());
  return size.is_number_unsigned() ? size.get<std::uint64_t>() : 0;
}

std::string text_in(const json& object, const char* map, const char* key) {
  if (!object.is_object() || !object.contains(map) || !object[map].is_object()) return {};
  const json value = object[map].value(key, json());
  return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace

std::string image_configuration(const PackRequest& request, const Layer& layer) {
  std::string path;
  for (const auto& folder : program_folders(request.root, request.include))
    path += fmt::format("/{}/{}:", kImageFolder, folder == "." ? "" : folder);
  path += "/usr/local/bin:/usr/bin:/bin";
  return json({{"architecture", kArchitecture},
               {"os", "linux"},
               {"created", "1970-01-01T00:00:00Z"},  // the content decides the digest, not the hour
               {"config",
                {{"Env", {"PATH=" + path}},
                 {"WorkingDir", fmt::format("/{}", kImageFolder)},
                 {"Cmd", request.command},
                 {"Labels", {{kTitle, request.app}}}}},
               {"rootfs", {{"type", "layers"}, {"diff_ids", {layer.diff_id}}}},
               {"history", {{{"created", "1970-01-01T00:00:00Z"}, {"created_by", "fairlead"}}}}})
      .dump();
}

std::string image_manifest(const ManifestParts& parts) {
  json layers = json::array();
  for (const auto& layer : parts.layers)
    layers.push_back({{"mediaType", kLayerType}, {"digest", layer.digest}, {"size", layer.bytes}});
  return json({{"schemaVersion", 2},
               {"mediaType", kManifestType},
               {"config",
                {{"mediaType", kConfigurationType},
                 {"digest", parts.configuration},
                 {"size", parts.configuration_bytes}}},
               {"layers", layers},
               {"annotations", {{kTitle, parts.title}}}})
      .dump();
}

json index_entry(const Artifact& artifact, std::uint64_t manifest_bytes,
                 std::string_view reference) {
  return {{"mediaType", kManifestType},
          {"digest", artifact.digest},
          {"size", manifest_bytes},
          {"annotations",
           {{kReference, reference},
            {kTitle, artifact.app},
            {kBytes, fmt::format("{}", artifact.bytes)}}}};
}

Result<References> references_of_manifest(std::string_view manifest) {
  const json document = json::parse(manifest, nullptr, false);
  if (!document.is_object() || !document.contains("config") || !document.contains("layers"))
    return malformed("its manifest has no config and layers");
  References references{.configuration = digest_in(document["config"])};
  if (references.configuration.empty()) return malformed("its configuration has no SHA-256 digest");
  references.bytes = size_in(document["config"]);
  for (const auto& layer : document["layers"]) {
    references.layers.push_back(digest_in(layer));
    if (references.layers.back().empty()) return malformed("a layer has no SHA-256 digest");
    references.bytes += size_in(layer);
  }
  references.app = text_in(document, "annotations", kTitle);
  return references;
}

Result<std::vector<Artifact>> artifacts_of_index(std::string_view index) {
  const json document = json::parse(index, nullptr, false);
  if (!document.is_object() || !document.contains("manifests") || !document["manifests"].is_array())
    return malformed("index.json lists no manifests");
  std::vector<Artifact> artifacts;
  for (const auto& entry : document["manifests"]) {
    Artifact artifact{.digest = digest_in(entry), .app = text_in(entry, "annotations", kTitle)};
    if (artifact.digest.empty())
      return malformed("index.json names a manifest without a SHA-256 digest");
    const std::string bytes = text_in(entry, "annotations", kBytes);
    artifact.bytes = std::strtoull(bytes.c_str(), nullptr, 10);
    artifacts.push_back(std::move(artifact));
  }
  return artifacts;
}

}  // namespace fairlead::ship
