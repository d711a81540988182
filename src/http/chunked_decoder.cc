#include <algorithm>

#include "http/h1_bytes.h"
#include "http/h1_rules.h"

namespace fairlead::http {

namespace {

// Less than 2^60, so that sums of sizes cannot overflow.
constexpr std::uint32_t kMaxSizeDigits = 15;
// Nobody uses chunk extensions; who sends long ones wants to make us work.
constexpr std::uint32_t kMaxExtension = 1024;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Fields that mean something before the body only, RFC 9110 §6.5.1.
bool may_be_trailer(FieldId id) {
  switch (id) {
    case FieldId::kAuthorization:
    case FieldId::kConnection:
    case FieldId::kContentEncoding:
    case FieldId::kContentLength:
    case FieldId::kContentType:
    case FieldId::kCookie:
    case FieldId::kExpect:
    case FieldId::kForwarded:
    case FieldId::kHost:
    case FieldId::kKeepAlive:
    case FieldId::kProxyAuthorization:
    case FieldId::kProxyConnection:
    case FieldId::kSetCookie:
    case FieldId::kTe:
    case FieldId::kTrailer:
    case FieldId::kTransferEncoding:
    case FieldId::kUpgrade:
    case FieldId::kXForwardedFor:
    case FieldId::kXForwardedHost:
    case FieldId::kXForwardedProto:
      return false;
    default:
      return true;
  }
}

}  // namespace

void ChunkedDecoder::reset() {
  at_ = At::kSize;
  left_ = 0;
  digits_ = extension_bytes_ = 0;
  trailer_line_ = 0;
  trailers_.clear();
  error_ = {};
}

// One byte of a chunk's first line: "1a;name=value" CRLF. False when it may not stand there.
bool ChunkedDecoder::size_byte(char c) {
  switch (at_) {
    case At::kSize:
      if (const int digit = hex_value(c); digit >= 0) {
        if (++digits_ > kMaxSizeDigits) return refuse("chunk size is too large");
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
        return true;
      }
      if (digits_ == 0) return refuse("chunk without a size");
      if (c == '\r') return at_ = At::kSizeLf, true;
      if (c == ' ' || c == '\t') return at_ = At::kExtensionStart, true;
      if (c != ';') return refuse("invalid byte in a chunk size");
      return at_ = At::kExtensionName, true;
    case At::kExtensionStart:  // white space is allowed before ';', and only there
      if (++extension_bytes_ > kMaxExtension) return refuse("chunk extension is too long");
      if (c == ';') return at_ = At::kExtensionName, true;
      return c == ' ' || c == '\t' || refuse("invalid byte after a chunk size");
    case At::kExtensionName:
      if (++extension_bytes_ > kMaxExtension) return refuse("chunk extension is too long");
      if (is(c, kToken)) return at_ = At::kExtension, true;
      return c == ' ' || c == '\t' || refuse("chunk extension without a name");
    case At::kExtension:
      if (c == '\r') return at_ = At::kSizeLf, true;
      if (!is(c, kValue)) return refuse("control byte in a chunk extension");
      return ++extension_bytes_ <= kMaxExtension || refuse("chunk extension is too long");
    default:  // kSizeLf
      if (c != '\n') return refuse("CR without LF after a chunk size");
      at_ = left_ == 0 ? At::kTrailer : At::kData;
      digits_ = extension_bytes_ = 0;
      return true;
  }
}

bool ChunkedDecoder::data_end_byte(char c) {
  if (c != (at_ == At::kDataCr ? '\r' : '\n')) return refuse("chunk is not followed by CRLF");
  at_ = at_ == At::kDataCr ? At::kDataLf : At::kSize;
  return true;
}

// Takes the trailer section's next bytes, at most to the end of a line. Like in a head, a line is
// checked as far as it goes. Gives how many bytes were taken, 0 for an error.
std::size_t ChunkedDecoder::trailer_bytes(std::string_view input) {
  const std::size_t line = std::min(input.find('\n'), input.size() - 1) + 1;
  const std::size_t taken = std::min(line, max_trailer_bytes - trailers_.size());
  trailers_.append(input, 0, taken);
  LineReader reader{trailers_.data() + trailer_line_, trailers_.data() + trailers_.size()};
  Field field;
  switch (reader.field(field)) {
    case LineState::kIncomplete:
      if (taken == 0) refuse("trailer section is too large", 431);
      return taken;
    case LineState::kLine:
      trailer_line_ = trailers_.size();
      return may_be_trailer(field.id) || refuse("field that may not be a trailer") ? taken : 0;
    case LineState::kEmpty:
      trailers_.resize(trailer_line_);
      at_ = At::kDone;
      return taken;
    case LineState::kError:
      refuse(reader.error.reason);
  }
  return 0;
}

bool ChunkedDecoder::refuse(std::string_view reason, std::uint16_t status) {
  error_ = {status, reason};
  return false;
}

ChunkedDecoder::Step ChunkedDecoder::decode(std::string_view input) {
  std::size_t consumed = 0;
  while (consumed < input.size() && at_ != At::kDone) {
    if (at_ == At::kData) {
      const auto size =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - consumed));
      left_ -= size;
      if (left_ == 0) at_ = At::kDataCr;
      return {ParseState::kIncomplete, consumed + size, input.substr(consumed, size)};
    }
    if (at_ == At::kTrailer) {
      const std::size_t taken = trailer_bytes(input.substr(consumed));
      if (taken == 0) return {ParseState::kError, consumed, {}};
      consumed += taken;
      continue;
    }
    const char c = input[consumed++];
    const bool fine = at_ == At::kDataCr || at_ == At::kDataLf ? data_end_byte(c) : size_byte(c);
    if (!fine) return {ParseState::kError, consumed, {}};
  }
  return {at_ == At::kDone ? ParseState::kComplete : ParseState::kIncomplete, consumed, {}};
}

}  // namespace fairlead::http
