#include "fuzz/targets.h"

namespace fairlead::fuzz {

std::vector<std::string_view> cut(std::string_view bytes) {
  std::vector<std::string_view> pieces;
  std::size_t random = std::hash<std::string_view>{}(bytes);
  const bool by_bytes = bytes.size() < 100 && random % 8 == 0;
  while (!bytes.empty()) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::size_t size = by_bytes ? 1 : 1 + (random >> 33) % (bytes.size() / 2 + 2);
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}

}  // namespace fairlead::fuzz
