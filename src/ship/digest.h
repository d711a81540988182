#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fairlead::ship {

// SHA-256 of bytes that come in pieces. A digest is written as OCI writes it: "sha256:" and 64 hex
// digits.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  ~Sha256();
  void update(std::string_view bytes);
  std::string digest();  // ends the hash; call once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string digest_of(std::string_view bytes);
Result<std::string> digest_of_file(const std::filesystem::path& path);

// True for "sha256:" and 64 lower-case hex digits, and nothing else: safe as a part of a path.
bool is_digest(std::string_view text);

}  // namespace fairlead::ship
