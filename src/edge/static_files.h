// Files of a folder, as a route with `files` serves them. Reading is left to the exchange.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "control/snapshot.h"
#include "http/content_coding.h"

namespace fairlead::edge {

struct StaticFile {
  UniqueFd fd;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // seconds since 1970
  std::string etag;           // strong, with quotes: size, time and coding
  std::string_view content_type;
  http::Coding coding = http::Coding::kIdentity;  // of a precompressed variant: NAME.br, .zst, .gz
  bool has_variants = false;                      // the answer depends on Accept-Encoding
};

struct FoundFile {
  enum class Kind : std::uint8_t {
    kFile,
    kFolder,  // named without its final '/': to be led there
    kMissing
  } kind = Kind::kMissing;
  StaticFile file;
};

// `path` is what follows the route's prefix, normalized, with escapes; "" and what ends in '/' get
// the folder's index. Never leaves the folder, not by symbolic links either (openat2,
// RESOLVE_BENEATH); names that begin with '.' are missing, but for "/.well-known". Opens the file
// and blocks while the file system does.
FoundFile find_file(const control::RouteFiles& files, std::string_view path,
                    std::string_view accept_encoding);

// By the name's ending; "application/octet-stream" for what is not known.
std::string_view content_type_of(std::string_view name);

}  // namespace fairlead::edge
