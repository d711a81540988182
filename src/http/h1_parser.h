// A strict HTTP/1.1 parser without I/O: RFC 9112. It repairs nothing; what could be read in two
// ways is an error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.h"

namespace fairlead::http {

struct HeadLimits {
  std::size_t max_line = 8 << 10;    // request line; more is 414
  std::size_t max_bytes = 32 << 10;  // the whole head; more is 431
  std::size_t max_fields = 100;      // more is 431; at most HeadParser::kMaxFields
};

enum class ParseState : std::uint8_t { kComplete, kIncomplete, kError };
enum class LineState : std::uint8_t;  // h1_rules.h
struct LineReader;

struct ParseError {
  // What a server answers to a request: 400, 414, 431, 501 or 505. Of a response it says as little
  // as any: who asked for it answers 502.
  std::uint16_t status = 400;
  std::string_view reason;  // for the log and the problem document; a string literal
};

// Parses heads. Holds no state between heads, so one parser per loop serves all connections; the
// caller keeps `scanned` (0 for each new head) so that a head that arrives byte by byte is not read
// again and again.
class HeadParser {
 public:
  static constexpr std::size_t kMaxFields = 256;
  explicit HeadParser(HeadLimits limits = {}) : limits_(limits) {}

  // `bytes` starts with a head. kComplete: `request()` and `consumed()` are valid until the next
  // call and while the bytes stay. kError: noticed with the first byte that makes the head wrong,
  // so that nobody waits for the rest; the same bytes in other pieces give the same error.
  // Empty lines before a request line are skipped (RFC 9112 §2.2, at most two CRLF) and count as
  // consumed.
  ParseState parse_request(std::string_view bytes, std::size_t& scanned);
  // `request_method` decides whether a body follows (HEAD, CONNECT). 1xx, 204 and 304 have none.
  ParseState parse_response(std::string_view bytes, std::size_t& scanned, Method request_method);

  const RequestHead& request() const { return request_; }
  const ResponseHead& response() const { return response_; }
  std::size_t consumed() const { return consumed_; }
  const ParseError& error() const { return error_; }

 private:
  ParseState fail(const ParseError& error);
  LineState check_last_line(std::string_view window, std::size_t scanned);
  ParseState read_fields(LineReader& reader, std::string_view window, bool cut,
                         std::size_t& scanned);

  HeadLimits limits_;
  RequestHead request_;
  ResponseHead response_;
  ParseError error_;
  std::size_t consumed_ = 0;
  std::size_t field_count_ = 0;
  std::array<Field, kMaxFields + 1> fields_;  // one more, for the field that is one too many
};

// Takes a chunked body apart, RFC 9112 §7.1. A few bytes of state per body; never buffers data.
class ChunkedDecoder {
 public:
  struct Step {
    ParseState state;       // kComplete: the last chunk and the trailer section were read
    std::size_t consumed;   // bytes of the input that are done with
    std::string_view data;  // payload inside those bytes; may be empty
  };
  // Call again with the rest (input without `consumed`) until `consumed` is 0 or the state is not
  // kIncomplete.
  Step decode(std::string_view input);
  // Trailer fields as received, "name: value\r\n" each, at most `max_trailer_bytes`; valid after
  // kComplete. Fields that mean something before a body only (framing, routing, credentials: RFC
  // 9110 §6.5.1) are errors.
  std::string_view trailers() const { return trailers_; }
  const ParseError& error() const { return error_; }
  void reset();

  std::size_t max_trailer_bytes = 8 << 10;

 private:
  enum class At : std::uint8_t {
    kSize,
    kExtensionStart,
    kExtensionName,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kDone
  };
  bool size_byte(char c);
  bool data_end_byte(char c);
  std::size_t trailer_bytes(std::string_view input);
  bool refuse(std::string_view reason, std::uint16_t status = 400);

  At at_ = At::kSize;
  std::uint64_t left_ = 0;
  std::uint32_t digits_ = 0;
  std::uint32_t extension_bytes_ = 0;
  std::size_t trailer_line_ = 0;  // where the last line of trailers_ begins
  std::string trailers_;
  ParseError error_;
};

}  // namespace fairlead::http
