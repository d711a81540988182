// A layer: files of a folder as a gzip-compressed tar, the same bytes for the same files whoever
// packs them, whenever and wherever: sorted, without owners, times, or permissions beyond
// "executable" (OCI image-spec, layer.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace fairlead::ship {

struct Layer {
  std::string digest;       // of the compressed bytes
  std::string diff_id;      // of the tar inside
  std::uint64_t bytes = 0;  // compressed
  std::uint64_t files = 0;  // without folders
};

// Packs `include` (files and folders, relative to `root`) under the folder `prefix` ("app") into
// the new file `out`, which is synced. kNotFound names an include that does not exist; kInvalid one
// that leaves `root` or is neither file, folder nor symbolic link.
Result<Layer> write_layer(const std::filesystem::path& root,
                          const std::vector<std::string>& include, std::string_view prefix,
                          const std::filesystem::path& out);

// Path in the layer ("usr/lib/libz.so.1") → what stands there: a file, a folder without what is in
// it, or a symbolic link, which stays one.
using LayerListing = std::map<std::string, std::filesystem::path>;

// Packs exactly these, and the folders above them. A folder with the sticky bit is one that
// everybody may write to, as /tmp.
Result<Layer> write_layer(const LayerListing& listing, const std::filesystem::path& out);

// Unpacks into the existing folder `into`. Entries that would leave it are refused (kInvalid).
Result<> unpack_layer(const std::filesystem::path& layer, const std::filesystem::path& into);

}  // namespace fairlead::ship
