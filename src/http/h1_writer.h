// Writes HTTP/1.1 heads and chunks into a caller's buffer. No I/O, no allocation beyond the
// buffer's growth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.h"

namespace fairlead::http {

// The reason phrase of a status, RFC 9110 §15; "" if it has none.
std::string_view reason_phrase(std::uint16_t status);

// "HTTP/1.1 200 OK\r\n"
void append_status_line(std::string& out, std::uint16_t status);
void append_request_line(std::string& out, std::string_view method, std::string_view target);
// Whether a text may stand as a field's name (a token) or value (no control bytes but HTAB).
bool is_field_name(std::string_view text);
bool is_field_value(std::string_view text);

// "name: value\r\n". Asserts is_field_name and is_field_value: what comes from outside was parsed
// or checked before.
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);
inline void append_head_end(std::string& out) { out += "\r\n"; }

// "1a\r\n"; the data and "\r\n" follow from elsewhere.
void append_chunk_size(std::string& out, std::uint64_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// True for fields that belong to one connection only and are never forwarded (RFC 9110 §7.6.1):
// Connection, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, and what
// `connection_value` (the value of Connection, "" for none) names; never Host or Content-Length.
bool is_hop_by_hop(const Field& field, std::string_view connection_value);

}  // namespace fairlead::http
