#include "fuzz/targets.h"
#include "http/message.h"

namespace fairlead::fuzz {

void percent_decode(std::string_view bytes) {
  for (const bool plus : {false, true}) {
    const auto decoded = http::percent_decode(Exact(bytes).view(), plus);
    if (!decoded) continue;
    require(decoded->size() <= bytes.size() && decoded->find('\0') == std::string::npos,
            "decoding neither grows nor makes a NUL");
    require(http::percent_decode(http::percent_encode(*decoded)) == *decoded,
            "what is encoded is decoded to the same");
  }
}

}  // namespace fairlead::fuzz
