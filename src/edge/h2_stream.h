#pragma once

#include <string>

#include "edge/client_stream.h"
#include "edge/timeout_list.h"
#include "http/h2_session.h"

namespace fairlead::edge {

class Exchange;
class H2Connection;

// Place of a stream among those of its connection.
struct H2StreamEntry : io::Link {};

// One stream of an HTTP/2 client: the client side of one exchange. Request body that the exchange
// cannot take yet waits here, and as long as it does the client gets no credit for more.
class H2ClientStream final : public ClientStream,
                             public http::H2Stream,
                             public H2StreamEntry,
                             public Timed {
 public:
  explicit H2ClientStream(H2Connection& connection) : connection_(connection) {}

  // The connection ends: so does the exchange.
  void gone();
  // What one read of the connection brought has been passed on.
  void input_done();
  // As new, for another stream.
  void recycle();

  // ---- ClientStream
  void send_interim(const http::ResponseHead& head) override;
  void send_head(const http::ResponseHead& head, std::string_view request_id) override;
  void send_body(std::string_view data, bool end, std::string_view trailers) override;
  void flush() override;
  bool congested() const override { return crowded_; }
  void resume_request_body() override;
  void exchange_finished() override;
  void exchange_cut() override;

  // ---- Timed
  void on_timeout() override;

 private:
  enum class Wait : std::uint8_t { kNone, kBody, kWrite, kHalfClosed };

  // ---- http::H2Stream
  void on_head(const http::H2HeadText& head, bool whole) override;
  void on_body(std::string_view data) override;
  void on_end(std::string_view trailers) override;
  void on_room() override;
  void on_closed(http::H2Error code) override;

  void refuse(const http::ParseError& error);
  bool take_websocket(const http::H2HeadText& head, std::string& text);
  bool accepts_websocket(const http::ResponseHead& head) const;
  void give_credit(std::size_t bytes);
  void pass_body();
  void forget_body();
  void update_timeout();
  Wait what_to_wait_for() const;

  H2Connection& connection_;
  Exchange* exchange_ = nullptr;
  std::string body_;        // came, and the exchange could not take it
  std::string trailers_;    // of the request
  std::string accept_;      // what a WebSocket's origin must answer
  std::uint64_t mark_ = 0;  // how much had moved when the timeout was armed
  std::uint64_t received_ = 0;
  Wait wait_ = Wait::kNone;
  bool whole_ = false;       // the client has sent all of its request
  bool end_passed_ = false;  // and the exchange has it
  bool passing_ = false;
  bool crowded_ = false;  // more is queued than the client takes at once
  bool muted_ = false;    // the response has no body
};

}  // namespace fairlead::edge
