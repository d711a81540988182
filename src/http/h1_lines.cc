#include <cstring>

#include "http/h1_bytes.h"
#include "http/h1_rules.h"

namespace fairlead::http {

namespace {

// No method that anything of ours understands is longer; a longer one is noticed before its end.
constexpr std::ptrdiff_t kMaxMethod = 32;

const char* skip_white(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\t')) ++at;
  return at;
}

}  // namespace

LineState LineReader::refuse(std::string_view reason, std::uint16_t status) {
  error = {status, reason};
  return LineState::kError;
}

// Exactly CRLF at `from`. `otherwise` says what is wrong when there is neither CR nor LF.
LineState LineReader::line_end(const char* from, std::string_view otherwise) {
  if (from == end) return LineState::kIncomplete;
  if (*from == '\n') return refuse("line ends with LF alone");
  if (*from != '\r') return refuse(otherwise);
  if (from + 1 == end) return LineState::kIncomplete;
  if (from[1] != '\n') return refuse("CR without LF");
  at = from + 2;
  return LineState::kLine;
}

// What stands at the start of a line, or behind its name, where a field would go on.
LineState LineReader::not_a_field(const char* from) {
  switch (*from) {
    case ' ':
    case '\t':
      return refuse(from == at ? "folded field line" : "white space before the colon");
    case ':':
      return refuse("field without a name");
    case '\r':
    case '\n':
      if (from != at) return refuse("field line without a colon");
      [[fallthrough]];
    default:
      return line_end(from, "invalid byte in a field name");
  }
}

LineState LineReader::field(Field& field) {
  const char* name_end = skip_token(at, end);
  if (name_end == end) return LineState::kIncomplete;
  if (*name_end != ':' || name_end == at) {
    const LineState state = not_a_field(name_end);
    return state == LineState::kLine ? LineState::kEmpty : state;
  }
  const char* value = skip_white(name_end + 1, end);
  const char* value_end = skip_value(value, end);
  const std::string_view name(at, static_cast<std::size_t>(name_end - at));
  const LineState state = line_end(value_end, "control byte in a field value");
  if (state != LineState::kLine) return state;
  while (value_end != value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
  field.name = name;
  field.value = {value, static_cast<std::size_t>(value_end - value)};
  field.id = field_id(name);
  return LineState::kLine;
}

// "HTTP/1.1" or "HTTP/1.0" at `from`, which is moved behind it.
LineState LineReader::version(const char*& from, std::uint8_t& minor) {
  constexpr std::string_view kName = "HTTP/";
  const auto there = static_cast<std::size_t>(end - from);
  const std::size_t compared = there < kName.size() ? there : kName.size();
  if (std::memcmp(from, kName.data(), compared) != 0) return refuse("no HTTP version");
  // "d.d", as far as it is there.
  for (std::size_t i = kName.size(); i < there && i < 8; ++i)
    if (i == 6 ? from[i] != '.' : !is(from[i], kDigit)) return refuse("no HTTP version");
  if (there < 8) return LineState::kIncomplete;
  if (from[5] != '1' || from[7] > '1') return refuse("HTTP version is neither 1.0 nor 1.1", 505);
  minor = static_cast<std::uint8_t>(from[7] - '0');
  from += 8;
  return LineState::kLine;
}

LineState LineReader::request_line(RequestHead& head) {
  const char* method_end = skip(at, end, kToken);
  if (method_end - at > kMaxMethod) return refuse("method is too long", 501);
  if (method_end == end) return LineState::kIncomplete;
  if (*method_end != ' ' || method_end == at) return refuse("invalid byte in the method");

  const char* target = method_end + 1;
  const char* path_end = skip(target, end, kPath);
  const bool has_query = path_end != end && *path_end == '?';
  const char* target_end = has_query ? skip(path_end + 1, end, kQuery) : path_end;
  if (target_end == end) return LineState::kIncomplete;
  if (*target_end == '\r' || *target_end == '\n') return refuse("request line without a version");
  if (*target_end != ' ') return refuse("invalid byte in the request target");
  if (target_end == target) return refuse("empty request target");

  const char* from = target_end + 1;
  if (const LineState state = version(from, head.minor_version); state != LineState::kLine)
    return state;
  head.method_text = {at, static_cast<std::size_t>(method_end - at)};
  head.method = method_of(head.method_text);
  head.target = {target, static_cast<std::size_t>(target_end - target)};
  head.path = {target, static_cast<std::size_t>(path_end - target)};
  head.query = has_query ? std::string_view(path_end + 1, target_end) : std::string_view();
  return line_end(from, "bytes after the HTTP version");
}

LineState LineReader::status_line(ResponseHead& head) {
  const char* from = at;
  if (const LineState state = version(from, head.minor_version); state != LineState::kLine)
    return state;
  if (from == end) return LineState::kIncomplete;
  if (*from++ != ' ') return refuse("no space after the HTTP version");
  const char* code_end = skip(from, end - from > 3 ? from + 3 : end, kDigit);
  if (code_end == end) return LineState::kIncomplete;
  if (code_end - from != 3 || *from == '0') return refuse("status is not a number from 100 to 999");
  head.status =
      static_cast<std::uint16_t>((from[0] - '0') * 100 + (from[1] - '0') * 10 + (from[2] - '0'));
  head.reason = {};
  if (*code_end != ' ') return line_end(code_end, "no space after the status");
  const char* reason_end = skip_value(code_end + 1, end);
  head.reason = {code_end + 1, static_cast<std::size_t>(reason_end - code_end - 1)};
  return line_end(reason_end, "control byte in the reason");
}

}  // namespace fairlead::http
