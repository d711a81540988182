#pragma once

#include <string_view>

#include "http/head.h"

namespace fairlead::edge {

// The client side of one exchange, as the exchange sees it: an HTTP/1.1 connection between two
// requests, or one stream of an HTTP/2 connection. It knows the client's wire; the exchange knows
// none. Heads given to it were parsed from contiguous HTTP/1.1 text and live as long as the call.
class ClientStream {
 public:
  // A 1xx response other than 101; sent at once.
  virtual void send_interim(const http::ResponseHead& head) = 0;
  // The final head (or 101, which turns the rest into a tunnel). Held back until send_body() or
  // flush(), so that head and body start travel in one piece.
  virtual void send_head(const http::ResponseHead& head, std::string_view request_id) = 0;
  // Takes all of `data`. `trailers` as ChunkedDecoder gives them, with `end` only.
  virtual void send_body(std::string_view data, bool end, std::string_view trailers) = 0;
  virtual void flush() = 0;
  // The client takes bytes more slowly than they come: give it no more until the exchange's
  // client_drained() is called.
  virtual bool congested() const = 0;

  // The exchange can take request body (again).
  virtual void resume_request_body() = 0;

  // Ends of an exchange; the stream forgets it. finished: response and request are whole, or the
  // response says that the connection closes. cut: the response cannot be completed, and the client
  // must be able to tell.
  virtual void exchange_finished() = 0;
  virtual void exchange_cut() = 0;

 protected:
  ~ClientStream() = default;
};

}  // namespace fairlead::edge
