// Names and hashed passwords: HTTP's Basic authentication, RFC 7617.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fairlead::edge {

// Hashes of crypt(3) are slow on purpose, so credentials that were right are remembered by their
// SHA-256: checked once, not with every request. Any thread.
class PasswordFile {
 public:
  // "name:hash" each, as `htpasswd -B` and `mkpasswd` write them; kInvalid names the line of a hash
  // that crypt(3) does not know.
  static Result<PasswordFile> make(const std::vector<std::string>& users);

  PasswordFile(PasswordFile&& other) noexcept : hashes_(std::move(other.hashes_)) {}

  // `authorization` is the field's value.
  bool admits(std::string_view authorization) const;

 private:
  PasswordFile() = default;
  static constexpr std::size_t kMostRemembered = 1024;

  std::map<std::string, std::string, std::less<>> hashes_;
  mutable std::mutex mutex_;
  mutable std::set<std::string, std::less<>> admitted_;
};

}  // namespace fairlead::edge
