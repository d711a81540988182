// The parsed head of an HTTP/1.1 message: views into the bytes it was parsed from, no copies.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace fairlead::http {

enum class Method : std::uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther
};
std::string_view to_string(Method method);  // "" for kOther
Method method_of(std::string_view token);   // case-sensitive, RFC 9110 §9.1
bool is_safe(Method method);                // RFC 9110 §9.2.1
bool is_idempotent(Method method);          // RFC 9110 §9.2.2

// Field names that some code of ours asks for; recognised once, while parsing.
enum class FieldId : std::uint8_t {
  kOther,
  kAccept,
  kAcceptEncoding,
  kAge,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kETag,
  kExpect,
  kExpires,
  kForwarded,
  kHost,
  kIfModifiedSince,
  kIfNoneMatch,
  kKeepAlive,
  kLastModified,
  kLocation,
  kOrigin,
  kPragma,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kRange,
  kReferer,
  kRetryAfter,
  kServer,
  kSetCookie,
  kTe,
  kTraceparent,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVary,
  kVia,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
};
FieldId field_id(std::string_view name);  // any case
std::string_view field_name(FieldId id);  // lower case; "" for kOther

struct Field {
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding white space
  FieldId id = FieldId::kOther;
};

// How the message's body is delimited, RFC 9112 §6.3.
struct BodyFraming {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // of kLength
};

// All views end with the parsed bytes or the next use of the parser.
struct RequestHead {
  Method method = Method::kOther;
  std::string_view method_text;
  std::string_view target;  // as sent
  // "/a/b" without the query, escapes as sent; "*" for OPTIONS *; of absolute-form its path; "" for
  // CONNECT.
  std::string_view path;
  std::string_view query;  // after '?', without it
  // Host, or the target's authority: letters as sent, without port, IPv6 in brackets. "" only for
  // HTTP/1.0 without Host.
  std::string_view host;
  std::uint16_t port = 0;  // of that authority; 0 when it named none
  std::uint8_t minor_version = 1;
  bool keep_alive = true;  // RFC 9112 §9.3
  bool expect_continue = false;
  bool upgrade = false;  // has Upgrade and Connection: upgrade
  BodyFraming body;
  std::span<const Field> fields;

  const Field* find(FieldId id) const;             // the first
  const Field* find(std::string_view name) const;  // the first, any case
};

struct ResponseHead {
  std::uint16_t status = 0;  // 100..999
  std::string_view reason;
  std::uint8_t minor_version = 1;
  bool keep_alive = true;
  BodyFraming body;
  std::span<const Field> fields;

  const Field* find(FieldId id) const;
  const Field* find(std::string_view name) const;
};

}  // namespace fairlead::http
