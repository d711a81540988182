#include "http/h1_parser.h"

#include <algorithm>

#include "http/h1_rules.h"

namespace fairlead::http {

namespace {

constexpr ParseError kHeadTooLarge{431, "head is too large"};
constexpr ParseError kTooManyFields{431, "too many fields"};
constexpr ParseError kLineTooLong{414, "request line is too long"};

// Bytes of empty lines that are skipped before a request line, RFC 9112 §2.2: two lines.
constexpr std::size_t kMaxEmptyLines = 4;

std::size_t empty_lines(std::string_view bytes) {
  std::size_t length = 0;
  while (length < kMaxEmptyLines && bytes.substr(length).starts_with("\r\n")) length += 2;
  return length;
}

}  // namespace

ParseState HeadParser::fail(const ParseError& error) {
  error_ = error;
  return ParseState::kError;
}

// A head that grows without completing a line is not read again from its start: only its last,
// incomplete line is checked, from `scanned` on. So a head is read at most once per line, however
// slowly it comes.
LineState HeadParser::check_last_line(std::string_view window, std::size_t scanned) {
  LineReader reader{window.data() + scanned, window.data() + window.size()};
  Field ignored;
  const LineState state = reader.field(ignored);
  error_ = reader.error;
  return state;
}

ParseState HeadParser::read_fields(LineReader& reader, std::string_view window, bool cut,
                                   std::size_t& scanned) {
  const std::size_t limit = std::min(limits_.max_fields, kMaxFields);
  for (std::size_t count = 0;; ++count) {
    switch (reader.field(fields_[count])) {
      case LineState::kLine:
        if (count == limit) return fail(kTooManyFields);
        break;
      case LineState::kEmpty:
        field_count_ = count;
        consumed_ = static_cast<std::size_t>(reader.at - window.data());
        return ParseState::kComplete;
      case LineState::kIncomplete:
        if (cut) return fail(kHeadTooLarge);
        scanned = static_cast<std::size_t>(reader.at - window.data());
        return ParseState::kIncomplete;
      case LineState::kError:
        return fail(reader.error);
    }
  }
}

ParseState HeadParser::parse_request(std::string_view bytes, std::size_t& scanned) {
  const std::string_view window = bytes.substr(0, limits_.max_bytes);
  const bool cut = bytes.size() >= limits_.max_bytes;
  if (scanned != 0) {
    const LineState state = check_last_line(window, scanned);
    if (state == LineState::kError) return ParseState::kError;
    if (state == LineState::kIncomplete) return cut ? fail(kHeadTooLarge) : ParseState::kIncomplete;
  }

  const std::size_t start = empty_lines(window);
  const std::string_view line = window.substr(start, limits_.max_line + 2);
  LineReader reader{line.data(), line.data() + line.size()};
  if (start < kMaxEmptyLines && line == "\r")
    return cut ? fail(kHeadTooLarge) : ParseState::kIncomplete;
  request_ = {};
  switch (reader.request_line(request_)) {
    case LineState::kIncomplete:
      if (line.size() == limits_.max_line + 2) return fail(kLineTooLong);
      return cut ? fail(kHeadTooLarge) : ParseState::kIncomplete;
    case LineState::kError:
      return fail(reader.error);
    default:
      break;
  }
  reader.end = window.data() + window.size();
  if (const auto state = read_fields(reader, window, cut, scanned); state != ParseState::kComplete)
    return state;

  request_.fields = {fields_.data(), field_count_};
  if (!apply_request_fields(request_, error_)) return ParseState::kError;
  if (const auto wrong = apply_target(request_); !wrong.empty()) return fail({400, wrong});
  return ParseState::kComplete;
}

ParseState HeadParser::parse_response(std::string_view bytes, std::size_t& scanned,
                                      Method request_method) {
  const std::string_view window = bytes.substr(0, limits_.max_bytes);
  const bool cut = bytes.size() >= limits_.max_bytes;
  if (scanned != 0) {
    const LineState state = check_last_line(window, scanned);
    if (state == LineState::kError) return ParseState::kError;
    if (state == LineState::kIncomplete) return cut ? fail(kHeadTooLarge) : ParseState::kIncomplete;
  }

  LineReader reader{window.data(), window.data() + window.size()};
  response_ = {};
  switch (reader.status_line(response_)) {
    case LineState::kIncomplete:
      return cut ? fail(kHeadTooLarge) : ParseState::kIncomplete;
    case LineState::kError:
      return fail(reader.error);
    default:
      break;
  }
  if (const auto state = read_fields(reader, window, cut, scanned); state != ParseState::kComplete)
    return state;

  response_.fields = {fields_.data(), field_count_};
  return apply_response_fields(response_, request_method, error_) ? ParseState::kComplete
                                                                  : ParseState::kError;
}

}  // namespace fairlead::http
