#include "base/strings.h"
#include "http/h1_bytes.h"
#include "http/h1_rules.h"

namespace fairlead::http {

namespace {

// Calls `use` with each element of a comma-separated list, white space taken off. Empty elements
// are passed too.
template <typename Use>
void for_each_element(std::string_view list, Use use) {
  for (;;) {
    const std::size_t comma = list.find(',');
    use(trim(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// What is gathered in one pass over the fields, before it is known whether it fits together.
struct Gathered {
  bool close = false;
  bool keep_alive = false;
  bool connection_upgrade = false;
  bool has_upgrade = false;
  bool expect_continue = false;
  const Field* length = nullptr;
  const Field* coding = nullptr;
  const Field* host = nullptr;
  ParseError error{0, {}};

  void refuse(std::string_view reason, std::uint16_t status = 400) {
    if (error.reason.empty()) error = {status, reason};
  }

  void connection(std::string_view value) {
    for_each_element(value, [this](std::string_view option) {
      close |= iequals(option, "close");
      keep_alive |= iequals(option, "keep-alive");
      connection_upgrade |= iequals(option, "upgrade");
    });
  }

  void field(const Field& field) {
    switch (field.id) {
      case FieldId::kConnection:
        return connection(field.value);
      case FieldId::kContentLength:
        if (length) refuse("more than one Content-Length");
        length = &field;
        return;
      case FieldId::kTransferEncoding:
        if (coding) refuse("more than one Transfer-Encoding");
        coding = &field;
        return;
      case FieldId::kHost:
        if (host) refuse("more than one Host");
        host = &field;
        return;
      case FieldId::kUpgrade:
        has_upgrade = true;
        return;
      case FieldId::kExpect:
        expect_continue |= iequals(field.value, "100-continue");
        return;
      default:
        return;
    }
  }
};

// Digits only, RFC 9110 §8.6. 18 of them fit any body there is and leave room to add to the number.
bool parse_length(std::string_view text, std::uint64_t& length) {
  if (text.empty() || text.size() > 18 || !all(text, kDigit)) return false;
  length = 0;
  for (const char c : text) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  return true;
}

// Exactly one "chunked", and it is the last. We know no other coding: 501, unless the list is
// wrong in itself.
void check_coding(std::string_view value, Gathered& gathered) {
  bool other = false, chunked = false, malformed = false;
  for_each_element(value, [&](std::string_view coding) {
    malformed |= coding.empty() || chunked;
    if (iequals(coding, "chunked"))
      chunked = true;
    else
      other = true;
    malformed |= !all(coding, kToken);
  });
  if (malformed) return gathered.refuse("Transfer-Encoding does not end in one 'chunked'");
  if (other) gathered.refuse("unknown transfer coding", 501);
}

// The part that requests and responses share: chunked or a length, never both (RFC 9112 §6.3).
void apply_framing(Gathered& gathered, std::uint8_t minor_version, BodyFraming& body) {
  if (gathered.coding) {
    if (gathered.length) gathered.refuse("both Transfer-Encoding and Content-Length");
    if (minor_version == 0) gathered.refuse("Transfer-Encoding in HTTP/1.0");
    check_coding(gathered.coding->value, gathered);
    body.kind = BodyFraming::Kind::kChunked;
  } else if (gathered.length) {
    if (!parse_length(gathered.length->value, body.length))
      gathered.refuse("Content-Length is not a number");
    body.kind = body.length ? BodyFraming::Kind::kLength : BodyFraming::Kind::kNone;
  }
}

// A word where a response names its coding, but none that anybody registered: nothing is coded, and
// only the connection's end can delimit the body (RFC 9112 §6.3, item 4). Codings that exist would
// reach the client undecoded, so they stay refused.
bool names_no_coding(std::string_view value) {
  if (value.empty() || !all(value, kToken)) return false;
  for (const std::string_view known :
       {"chunked", "gzip", "x-gzip", "compress", "x-compress", "deflate", "identity", "br", "zstd"})
    if (iequals(value, known)) return false;
  return true;
}

bool keeps_alive(const Gathered& gathered, std::uint8_t minor_version) {
  return !gathered.close && (minor_version == 1 || gathered.keep_alive);
}

}  // namespace

bool apply_request_fields(RequestHead& head, ParseError& error) {
  Gathered gathered;
  for (const Field& field : head.fields) gathered.field(field);
  if (gathered.host) {
    if (!parse_authority(gathered.host->value, head.host, head.port))
      gathered.refuse("invalid Host");
  } else if (head.minor_version == 1) {
    gathered.refuse("no Host");
  }
  apply_framing(gathered, head.minor_version, head.body);
  if (head.method == Method::kConnect && (gathered.coding || gathered.length))
    gathered.refuse("CONNECT with a body");
  head.keep_alive = keeps_alive(gathered, head.minor_version);
  head.expect_continue = gathered.expect_continue && head.minor_version == 1;
  head.upgrade = gathered.has_upgrade && gathered.connection_upgrade && head.minor_version == 1;
  error = gathered.error;
  return error.reason.empty();
}

bool apply_response_fields(ResponseHead& head, Method request_method, ParseError& error) {
  Gathered gathered;
  for (const Field& field : head.fields) gathered.field(field);
  if (gathered.coding && !gathered.length && head.minor_version == 1 &&
      names_no_coding(gathered.coding->value)) {
    gathered.coding = nullptr;
    gathered.close = true;
  }
  apply_framing(gathered, head.minor_version, head.body);
  head.keep_alive = keeps_alive(gathered, head.minor_version);

  const bool never_a_body = head.status < 200 || head.status == 204;
  // Who announces a body where none may be might send it: the connection ends with this message.
  if (never_a_body && head.body.kind != BodyFraming::Kind::kNone) head.keep_alive = false;
  const bool tunnel = request_method == Method::kConnect && head.status / 100 == 2;
  if (never_a_body || head.status == 304 || request_method == Method::kHead || tunnel) {
    head.body = {};
  } else if (!gathered.coding && !gathered.length) {
    head.body.kind = BodyFraming::Kind::kUntilClose;
    head.keep_alive = false;
  }
  error = gathered.error;
  return error.reason.empty();
}

}  // namespace fairlead::http
