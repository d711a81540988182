#include "ship/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/unique_fd.h"

namespace fairlead::ship {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

std::string Sha256::digest() {
  unsigned char bytes[32];
  EVP_DigestFinal_ex(state_->context, bytes, nullptr);
  std::string text = "sha256:";
  for (const unsigned char byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

std::string digest_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

Result<std::string> digest_of_file(const std::filesystem::path& path) {
  const auto where = [&] { return fmt::format("cannot read {}", path.string()); };
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(where());
  Sha256 hash;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n == 0) return hash.digest();
    if (n > 0)
      hash.update({buffer, static_cast<std::size_t>(n)});
    else if (errno != EINTR)
      return fail_errno(where());
  }
}

bool is_digest(std::string_view text) {
  return text.size() == 71 && text.starts_with("sha256:") &&
         text.find_first_not_of("0123456789abcdef", 7) == std::string_view::npos;
}

}  // namespace fairlead::ship
