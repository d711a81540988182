// Content codings of responses: RFC 9110 §8.4, §12.5.3; gzip RFC 1952, br RFC 7932, zstd RFC 8878.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/head.h"

namespace fairlead::http {

enum class Coding : std::uint8_t { kIdentity, kGzip, kBrotli, kZstd };
std::string_view to_string(Coding coding);  // "gzip", "br", "zstd"; "identity"

// What to send to a client with this Accept-Encoding: of the codings it weighs highest, the one
// that costs least for its size (zstd, br, gzip). `accept` "" accepts nothing but identity.
Coding choose_coding(std::string_view accept);
// Whether the client takes this one.
bool accepts_coding(std::string_view accept, Coding coding);

// Whether a body of this Content-Type gets smaller: texts, JSON, XML, scripts, fonts that are not
// compressed yet, WebAssembly.
bool is_compressible(std::string_view content_type);

// One body being compressed. Memory while it lives: gzip 256 KiB, br and zstd up to 1 MiB.
class Encoder {
 public:
  virtual ~Encoder() = default;
  // Appends to `out` what of `data` is ready. With `flush` everything so far can be decoded from
  // what was written; with `end` the stream is closed.
  virtual void write(std::string_view data, bool flush, bool end, std::string& out) = 0;

  // Never for kIdentity.
  static std::unique_ptr<Encoder> make(Coding coding);
};

}  // namespace fairlead::http
