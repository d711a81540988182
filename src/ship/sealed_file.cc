#include "ship/sealed_file.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <memory>

#include "base/file.h"
#include "base/strings.h"

namespace fairlead::ship {

namespace {

constexpr std::string_view kMagic = "fairlead-sealed-1\n";
constexpr std::size_t kKeyBytes = 32, kNonceBytes = 12, kTagBytes = 16;

using Cipher =
    std::unique_ptr<EVP_CIPHER_CTX, decltype([](EVP_CIPHER_CTX* c) { EVP_CIPHER_CTX_free(c); })>;

unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Result<std::string> random_bytes(std::size_t count) {
  std::string result(count, '\0');
  if (RAND_bytes(bytes(result), static_cast<int>(count)) != 1)
    return fail(Code::kSystem, "the system gives no random bytes");
  return result;
}

}  // namespace

Result<Key> new_key() { return random_bytes(kKeyBytes); }

Result<Key> read_key(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0)
    return fail_errno(fmt::format("cannot read {}", file.string()));
  if (status.st_mode & 077)
    return fail(Error(Code::kDenied, fmt::format("{} can be read by others", file.string()))
                    .hint(fmt::format("chmod 600 {}, then rotate the key: it may be known",
                                      file.string())));
  TRY(const std::string text, read_file(file, 1024));
  Key key;
  for (std::size_t i = 0; i + 1 < text.size() && key.size() < kKeyBytes; i += 2) {
    const auto byte = parse_unsigned(std::string_view(text).substr(i, 2), 16);
    if (!byte) break;
    key += static_cast<char>(*byte);
  }
  if (key.size() != kKeyBytes)
    return fail(Code::kInvalid, fmt::format("{} holds no key", file.string()));
  return key;
}

Result<> write_key(const std::filesystem::path& file, const Key& key) {
  std::string text;
  for (const char byte : key) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return write_file_atomically(file, text + "\n", 0600);
}

Result<std::string> seal(const Key& key, std::string_view purpose, std::string_view plain) {
  TRY(std::string nonce, random_bytes(kNonceBytes));
  Cipher cipher(EVP_CIPHER_CTX_new());
  std::string sealed(plain.size(), '\0');
  std::string tag(kTagBytes, '\0');
  int length = 0;
  const bool ok =
      cipher &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes(std::string_view(key)),
                         bytes(nonce)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes(purpose),
                        static_cast<int>(purpose.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), bytes(sealed), &length, bytes(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), nullptr, &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1;
  if (!ok) return fail(Code::kInternal, "encryption failed");
  return std::string(kMagic) + nonce + tag + sealed;
}

Result<std::string> unseal(const Key& key, std::string_view purpose, std::string_view sealed) {
  const auto wrong = [] {
    return fail(Code::kInvalid, "it was sealed with another key, or is damaged");
  };
  if (!sealed.starts_with(kMagic) || sealed.size() < kMagic.size() + kNonceBytes + kTagBytes)
    return wrong();
  const std::string_view nonce = sealed.substr(kMagic.size(), kNonceBytes);
  std::string tag(sealed.substr(kMagic.size() + kNonceBytes, kTagBytes));
  const std::string_view content = sealed.substr(kMagic.size() + kNonceBytes + kTagBytes);
  Cipher cipher(EVP_CIPHER_CTX_new());
  std::string plain(content.size(), '\0');
  int length = 0;
  const bool ok =
      cipher &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes(std::string_view(key)),
                         bytes(nonce)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, bytes(purpose),
                        static_cast<int>(purpose.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), bytes(plain), &length, bytes(content),
                        static_cast<int>(content.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), nullptr, &length) == 1;
  if (!ok) return wrong();
  return plain;
}

}  // namespace fairlead::ship
