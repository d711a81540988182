// The JSON documents of an OCI image: index, manifest, configuration (image-spec v1.0). Text in,
// text out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ship/artifact_store.h"
#include "ship/layer.h"

namespace fairlead::ship {

inline constexpr std::string_view kImageFolder =
    "app";  // where an artifact's files stand in the image
#if defined(__aarch64__)
inline constexpr std::string_view kArchitecture = "arm64";
#else
inline constexpr std::string_view kArchitecture = "amd64";
#endif
inline constexpr std::string_view kLayoutFile = R"({"imageLayoutVersion":"1.0.0"})";
inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";

std::string image_configuration(const PackRequest& request, const Layer& layer);

struct BlobReference {
  std::string digest;
  std::uint64_t bytes = 0;
};
struct ManifestParts {
  std::string title;
  std::string configuration;  // digest
  std::size_t configuration_bytes = 0;
  std::vector<BlobReference> layers;  // lowest first
};
std::string image_manifest(const ManifestParts& parts);

nlohmann::json index_entry(const Artifact& artifact, std::uint64_t manifest_bytes,
                           std::string_view reference);

struct References {
  std::string configuration;        // digest
  std::vector<std::string> layers;  // digests, lowest first
  std::string app;
  std::uint64_t bytes = 0;  // of configuration and layers
};
// Checks that every digest is one before it can become part of a path.
Result<References> references_of_manifest(std::string_view manifest);
// Artifacts of an index.json that carry our annotations or, from elsewhere, none: then the app is
// "".
Result<std::vector<Artifact>> artifacts_of_index(std::string_view index);

}  // namespace fairlead::ship
