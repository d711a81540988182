#pragma once

#include <string>

#include "edge/origin_stream.h"
#include "edge/timeout_list.h"
#include "http/h2_session.h"

namespace fairlead::edge {

class H2OriginConnection;

// One stream of an HTTP/2 connection to an origin. Response body that the client cannot take yet
// waits here, and as long as it does the origin gets no credit for more.
class H2OriginStream final : public OriginStream, public http::H2Stream, public Timed {
 public:
  explicit H2OriginStream(H2OriginConnection& connection) : connection_(connection) {}

  // ---- from its connection
  void connected_now();
  void input_done();
  void connection_failed(Failure failure);

  // ---- OriginStream
  void begin(Exchange& exchange, http::Method method) override;
  bool connected() const override;
  bool reused() const override;
  bool sent_anything() const override { return sent_; }
  void send_head(std::string_view text, http::BodyFraming framing) override;
  void send_preface(std::string_view) override {}  // snapshots ask for one or the other
  void send_body(std::string_view data, bool end, std::string_view trailers) override;
  void flush() override;
  bool congested() const override { return crowded_; }
  void pause() override;
  void resume() override;
  void finish() override;
  void abandon() override;

  // ---- Timed
  void on_timeout() override;

 private:
  // ---- http::H2Stream
  void on_head(const http::H2HeadText& head, bool whole) override;
  void on_body(std::string_view data) override;
  void on_end(std::string_view trailers) override;
  void on_room() override;
  void on_closed(http::H2Error code) override;

  bool open(bool whole);
  void leave();
  void break_off();
  void fail(Failure failure);
  void pass_body();
  void update_timeout();

  H2OriginConnection& connection_;
  Exchange* exchange_ = nullptr;
  std::string_view head_text_;  // not yet sent
  std::string body_;            // came while paused
  std::string trailers_;        // of the response
  http::Method method_ = http::Method::kGet;
  bool opened_ = false;
  bool sent_ = false;
  bool answered_ = false;  // the final head has come
  bool whole_ = false;     // and all behind it
  bool paused_ = false;
  bool crowded_ = false;  // more is queued than the origin takes at once
};

}  // namespace fairlead::edge
