// Whole files, read and written so that a crash leaves either the old or the new content (DESIGN:
// promise 4). All calls block; none is for the request path.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead {

// The whole file. kNotFound if there is none, kTooLarge above `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 64u << 20);

// Replaces the file: temp file beside it, fsync, rename, fsync of the folder. `mode` is the
// permission of a new file.
Result<> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                               int mode = 0644);

// Makes the folder and those above it; existing ones are fine.
Result<> make_directories(const std::filesystem::path& path, int mode = 0755);

}  // namespace fairlead
