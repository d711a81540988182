#pragma once

#include <span>
#include <string>
#include <string_view>

#include "edge/connection.h"
#include "edge/origin_stream.h"
#include "http/h1_parser.h"

namespace fairlead::edge {

class OriginPool;

// Place of a connection among the idle ones of its pool.
struct IdleEntry : io::Link {};

// An HTTP/1.1 connection to an origin. It knows that wire: it sends heads and bodies that its
// exchange gives it, parses what comes back, and says how it failed. Without an exchange it is idle
// and closes when the origin does.
class OriginConnection final : public Connection, public OriginStream, public IdleEntry {
 public:
  OriginConnection(OriginPool& pool, Worker& worker, io::Transport transport, bool connected);

  void begin(Exchange& exchange, http::Method method) override;
  bool connected() const override { return connected_; }
  bool reused() const override { return reused_; }
  bool sent_anything() const override { return sent_anything_; }
  OriginPool& pool() const { return pool_; }

  void send_head(std::string_view text, http::BodyFraming framing) override;
  void send_preface(std::string_view bytes) override;
  bool used_by_one() const { return used_by_one_; }
  void send_body(std::string_view data, bool end, std::string_view trailers) override;
  void flush() override;
  bool congested() const override { return !out_.empty(); }

  void pause() override { paused_ = true; }
  void resume() override;

  // Back to the pool if the connection can be used again, else closed.
  void finish() override;
  void abandon() override;
  // Closes an idle connection, or one that may not become idle.
  void discard();
  // Taken from the idle ones.
  void leave_idle();
  // True if the idle socket has neither bytes nor an end to read.
  bool probe();

  void on_ready(std::uint32_t events) override;
  void on_timeout() override;

 private:
  enum class At : std::uint8_t { kHead, kBody, kDone };

  void on_connected();
  void read();
  bool consume(std::string_view bytes);
  bool take_head(std::string_view& bytes);
  bool take_body(std::string_view bytes);
  bool take_chunks(std::string_view bytes);
  bool deliver(std::string_view data, bool end, std::string_view trailers);
  void on_end();
  bool fail(Failure failure);  // always false
  void send(std::span<const std::string_view> parts);
  void flush_backlog();
  void update_timeout();
  void close_for_good();

  OriginPool& pool_;
  Exchange* exchange_ = nullptr;
  std::string_view head_text_;  // not yet sent
  std::string in_;              // the beginning of a response head
  std::string out_;             // what the socket did not take
  http::ChunkedDecoder decoder_;
  std::uint64_t body_left_ = 0;
  std::size_t scanned_ = 0;
  http::BodyFraming::Kind request_framing_ = http::BodyFraming::Kind::kNone;
  http::BodyFraming::Kind response_framing_ = http::BodyFraming::Kind::kNone;
  http::Method method_ = http::Method::kGet;
  At at_ = At::kHead;
  bool connected_;
  bool reused_ = false;
  bool used_by_one_ = false;
  bool readable_ = false;
  bool hangup_ = false;  // the origin will send no more than it has sent
  bool paused_ = false;
  bool request_sent_ = false;
  bool sent_anything_ = false;
  bool write_failed_ = false;
  bool keep_alive_ = false;  // as the response said
  bool tunnel_ = false;
};

}  // namespace fairlead::edge
