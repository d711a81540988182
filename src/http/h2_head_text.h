#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/h1_parser.h"

namespace fairlead::http {

// Writes an HTTP/2 header list as the HTTP/1.1 text that means the same, so that one strict parser
// judges every head, whichever way it came: HeadParser for heads, ChunkedDecoder for trailers. Here
// is only refused what would be lost or change its meaning on the way into text (RFC 9113 §8.2,
// §8.3).
class H2HeadText {
 public:
  enum class Kind : std::uint8_t { kRequest, kResponse, kTrailers };

  // Of a text longer than `max_bytes` nothing is kept: error() is 431 then.
  void begin(Kind kind, std::size_t max_bytes);
  // Pseudo-header fields come first, names are lower case: nghttp2 has seen to that.
  void add(std::string_view name, std::string_view value);
  // `whole`: no body follows. A body without Content-Length becomes a chunked one.
  void finish(bool whole);

  Kind kind() const { return kind_; }
  // After finish(), until begin(): the head with its empty line. Trailers have "0\r\n" before them.
  const std::string& text() const { return text_; }
  const ParseError& error() const { return error_; }  // status 0: none
  // What an extended CONNECT (RFC 8441 §4) asks for; its text is that of a GET with Upgrade.
  std::string_view protocol() const { return protocol_; }
  // Bytes of names and values so far, those that were not kept too.
  std::size_t decoded() const { return decoded_; }

  // Gives memory back that a large head took.
  void forget();

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void put_start();
  void put(std::string_view name, std::string_view value);
  void refuse(std::string_view reason, std::uint16_t status = 400);

  Kind kind_ = Kind::kRequest;
  std::size_t max_bytes_ = 0;
  std::size_t decoded_ = 0;
  std::string text_;
  std::string method_, path_, authority_, status_, protocol_, cookie_;
  ParseError error_{.status = 0, .reason = {}};
  bool started_ = false;  // the start line is written
  bool has_length_ = false;
};

}  // namespace fairlead::http
