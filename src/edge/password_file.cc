#include "edge/password_file.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <optional>

#include "base/strings.h"

namespace fairlead::edge {

namespace {

std::optional<std::string> hash_with(const std::string& password, const std::string& setting) {
  crypt_data data{};
  const char* hash = ::crypt_r(password.c_str(), setting.c_str(), &data);
  if (!hash || *hash == '*') return std::nullopt;
  return hash;
}

std::string sha256(std::string_view text) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  digest.resize(size);
  return digest;
}

// Of "Basic dXNlcjpwYXNz": "user:pass".
std::optional<std::string> credentials_in(std::string_view authorization) {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos || !iequals(authorization.substr(0, space), "basic"))
    return std::nullopt;
  const std::string_view coded = trim(authorization.substr(space));
  if (coded.empty() || coded.size() % 4 != 0 || coded.size() > 1024) return std::nullopt;
  std::string decoded(coded.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(coded.data()),
                                   static_cast<int>(coded.size()));
  if (size < 0) return std::nullopt;
  decoded.resize(decoded.size() - (coded.ends_with("==") ? 2 : coded.ends_with('=') ? 1 : 0));
  // crypt() would read the password only up to there.
  if (decoded.find('\0') != std::string::npos) return std::nullopt;
  return decoded;
}

}  // namespace

Result<PasswordFile> PasswordFile::make(const std::vector<std::string>& users) {
  PasswordFile file;
  for (const std::string& user : users) {
    const auto colon = user.find(':');
    const std::string name = user.substr(0, colon);
    if (colon == std::string::npos || name.empty())
      return fail(Code::kInvalid, fmt::format("'{}' is not name:hash", name));
    const std::string hash = user.substr(colon + 1);
    if (hash.size() < 20 || !hash.starts_with('$') || !hash_with("", hash))
      return fail(Error(Code::kInvalid, fmt::format("the hash of '{}' is of no known kind", name))
                      .hint("make one with 'mkpasswd -m yescrypt' or 'htpasswd -nB NAME'"));
    file.hashes_[name] = hash;
  }
  return file;
}

bool PasswordFile::admits(std::string_view authorization) const {
  if (authorization.empty()) return false;
  const std::string digest = sha256(authorization);
  {
    const std::lock_guard lock(mutex_);
    if (admitted_.contains(digest)) return true;
  }
  const auto credentials = credentials_in(authorization);
  if (!credentials) return false;
  const auto colon = credentials->find(':');
  const auto user = hashes_.find(std::string_view(*credentials).substr(0, colon));
  if (colon == std::string::npos || user == hashes_.end()) return false;
  const auto hash = hash_with(credentials->substr(colon + 1), user->second);
  if (!hash || hash->size() != user->second.size() ||
      CRYPTO_memcmp(hash->data(), user->second.data(), hash->size()) != 0)
    return false;
  const std::lock_guard lock(mutex_);
  if (admitted_.size() >= kMostRemembered) admitted_.clear();
  admitted_.insert(digest);
  return true;
}

}  // namespace fairlead::edge
