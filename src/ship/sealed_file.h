// Authenticated encryption of a whole file (AES-256-GCM, OpenSSL).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::ship {

// 32 bytes.
using Key = std::string;

Result<Key> new_key();
// kDenied when anyone but the owner may read the file.
Result<Key> read_key(const std::filesystem::path& file);
Result<> write_key(const std::filesystem::path& file, const Key& key);

// `purpose` is bound to the content: a file sealed for one cannot be opened as another.
Result<std::string> seal(const Key& key, std::string_view purpose, std::string_view plain);
// kInvalid: wrong key, wrong purpose, or damaged; which one cannot be told.
Result<std::string> unseal(const Key& key, std::string_view purpose, std::string_view sealed);

}  // namespace fairlead::ship
