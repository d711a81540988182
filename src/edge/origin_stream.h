#pragma once

#include <cstdint>
#include <string_view>

#include "http/head.h"

namespace fairlead::edge {

class Exchange;

// The origin side of one exchange, as the exchange sees it: an HTTP/1.1 connection, or one stream
// of an HTTP/2 connection. It sends heads and bodies that its exchange gives it, and says what
// comes back, or how it failed; after finish(), abandon() or a failure it is not the exchange's any
// more.
class OriginStream {
 public:
  enum class Failure : std::uint8_t {
    kRefused,          // could not connect: nothing was sent
    kConnectTimeout,   // the same
    kClosed,           // ended before a response head was complete
    kBroken,           // ended or failed inside the response's body
    kResponseTimeout,  // no progress for the time allowed
    kProtocol,         // not a valid response
  };

  virtual void begin(Exchange& exchange, http::Method method) = 0;
  // Otherwise Exchange::origin_connected() will tell.
  virtual bool connected() const = 0;
  // The connection has served others: it may have been closed by the origin just now.
  virtual bool reused() const = 0;
  // Of the current exchange's request.
  virtual bool sent_anything() const = 0;

  // `text` is the serialised head and must live until flush(). Held back, so that head and body
  // start travel in one piece.
  virtual void send_head(std::string_view text, http::BodyFraming framing) = 0;
  // What goes before the first request of a connection, which serves that one alone then: a PROXY
  // header. Never asked of HTTP/2, whose connections serve many clients.
  virtual void send_preface(std::string_view bytes) = 0;
  virtual void send_body(std::string_view data, bool end, std::string_view trailers) = 0;
  virtual void flush() = 0;
  // The origin takes bytes more slowly than they come; Exchange::origin_drained() will tell.
  virtual bool congested() const = 0;

  // The client cannot take more for now: give it nothing. resume() may call the exchange back.
  virtual void pause() = 0;
  virtual void resume() = 0;

  // The exchange is over, cleanly or not.
  virtual void finish() = 0;
  virtual void abandon() = 0;

 protected:
  ~OriginStream() = default;
};

}  // namespace fairlead::edge
