// How heads change on their way through the edge. docs/decisions say why; in short:
//  - hop-by-hop fields end here (RFC 9110 §7.6.1), framing is written anew;
//  - Forwarded and X-Forwarded-For are extended when a trusted proxy sent them and replaced
//    otherwise; X-Forwarded-Proto, X-Forwarded-Host and X-Request-ID are kept from trusted proxies
//    and made otherwise;
//  - Via is extended towards the origin; Host, Date and Server pass untouched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/address_set.h"
#include "http/head.h"

namespace fairlead::edge {

// What the edge knows of a client beyond its request. Views live as long as its connection.
struct ClientFacts {
  std::string_view address;  // without port; "" on a Unix socket
  bool trusted = false;      // its Forwarded fields are believed
  bool tls = false;
  std::string_view tls_version;            // "TLSv1.3"; "" without TLS
  std::string_view protocol = "HTTP/1.1";  // "HTTP/1.0", "HTTP/2"
};

// A request's head as it goes to the origin: HTTP/1.1 text, whatever the client spoke. It is kept
// until the response, to be sent again, and for the access record, whose words are parts of it.
struct RequestText {
  struct Part {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };
  std::string bytes;
  Part method, path, host, user_agent, id;
  Part referer;
  Part trace;  // the trace's ID, where there is one

  std::string_view view(Part part) const { return {bytes.data() + part.offset, part.length}; }
  void clear() {
    bytes.clear();
    method = path = host = user_agent = id = referer = trace = {};
  }
};

// Writes the head. `new_id` is used unless a trusted client brought a usable X-Request-ID. With
// `upgrade`, Upgrade and Connection are passed on. With `new_trace`, a traceparent: the edge is a
// span of the trace that the client tells of, or of this new one; without, the client's passes.
// `head` was parsed from contiguous text.
void write_request_head(RequestText& out, const http::RequestHead& head, const ClientFacts& client,
                        std::string_view new_id, bool upgrade, std::string_view new_trace = {});

// Writes only what the access record and the client are told of a request that no origin will see.
void write_request_words(RequestText& out, const http::RequestHead& head, const ClientFacts& client,
                         std::string_view new_id);

// How the response is delimited and what becomes of the connection, as told to the client.
struct ResponseForm {
  enum class Connection : std::uint8_t { kKeepAlive, kKeepAliveSaid, kClose, kUpgrade };
  http::BodyFraming body;
  Connection connection = Connection::kKeepAlive;
};

// Appends the head for an HTTP/1.1 client. `head` was parsed from contiguous text.
void append_response_head(std::string& out, const http::ResponseHead& head,
                          const ResponseForm& form, std::string_view request_id);

// The fields for an HTTP/2 client, who needs no framing. `length` is what Content-Length says, ""
// for none. All of them are views.
void response_fields(std::vector<http::Field>& out, const http::ResponseHead& head,
                     std::string_view length, std::string_view request_id);

// The address of the client that `trusted` proxies tell of in X-Forwarded-For: the last one that is
// not itself trusted. "" when there is none. A view into the head.
std::string_view forwarded_client(const http::RequestHead& head, const AddressSet& trusted);

// Whether the client spoke TLS: to a trusted proxy that says so, or to us.
bool came_by_tls(const http::RequestHead& head, const ClientFacts& client);

}  // namespace fairlead::edge
