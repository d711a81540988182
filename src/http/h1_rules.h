// The rules of RFC 9112 one by one, for HeadParser and ChunkedDecoder. Used by the codec only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/h1_parser.h"

namespace fairlead::http {

// What reading one line gave. A line that is not complete yet is checked as far as it goes, so that
// an error is known with the first byte that makes it one.
enum class LineState : std::uint8_t { kLine, kEmpty, kIncomplete, kError };

// Where a line is read from and what was wrong with it.
struct LineReader {
  const char* at;  // the line's start; after kLine and kEmpty the start of the next line
  const char* end;
  ParseError error{};

  // "name: value" CRLF, or the empty line, RFC 9112 §5.
  LineState field(Field& field);
  // "GET /path HTTP/1.1" CRLF, RFC 9112 §3: method, target, path and query (origin-form) and
  // version.
  LineState request_line(RequestHead& head);
  // "HTTP/1.1 200 OK" CRLF, RFC 9112 §4. The reason may be missing together with its space.
  LineState status_line(ResponseHead& head);

 private:
  LineState refuse(std::string_view reason, std::uint16_t status = 400);
  LineState version(const char*& from, std::uint8_t& minor);
  LineState not_a_field(const char* from);
  LineState line_end(const char* from, std::string_view otherwise);
};

// Takes `head.target` apart in its four forms (RFC 9112 §3.2), with what Host said already in
// `head.host`. Nothing, or what is wrong.
std::string_view apply_target(RequestHead& head);

// "host", "host:port", "[::1]:port" (RFC 9110 §7.2); false if it is none of them. An empty port is
// none.
bool parse_authority(std::string_view text, std::string_view& host, std::uint16_t& port);

// What the fields mean for framing and the connection: RFC 9112 §6, §9; RFC 9110 §7.2, §7.8,
// §10.1.1. `error` is filled and false returned when they contradict themselves.
bool apply_request_fields(RequestHead& head, ParseError& error);
bool apply_response_fields(ResponseHead& head, Method request_method, ParseError& error);

}  // namespace fairlead::http
