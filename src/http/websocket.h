// The opening handshake of a WebSocket, RFC 6455 §4: for clients of HTTP/2, who have none (RFC
// 8441).
#pragma once

#include <string>
#include <string_view>

namespace fairlead::http {

// A value for Sec-WebSocket-Key: 16 random bytes in base64.
std::string websocket_key();
// What Sec-WebSocket-Accept must say to that key.
std::string websocket_accept(std::string_view key);

}  // namespace fairlead::http
