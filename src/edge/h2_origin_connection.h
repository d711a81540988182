#pragma once

#include <memory>
#include <string>
#include <vector>

#include "edge/connection.h"
#include "edge/flushed.h"
#include "edge/h2_origin_stream.h"
#include "http/h2_session.h"

namespace fairlead::edge {

class OriginPool;

// Place of a connection among those of its pool.
struct H2OriginEntry : io::Link {};

// An HTTP/2 connection to an origin, by prior knowledge; its streams are the origin sides of as
// many exchanges. It is never taken out of its pool: who asks gets a new stream while there is
// room.
class H2OriginConnection final : public Connection,
                                 public http::H2Session::Owner,
                                 public Flushed,
                                 public H2OriginEntry {
 public:
  H2OriginConnection(OriginPool& pool, Worker& worker, io::Transport transport, bool connected);
  ~H2OriginConnection() override;

  // Null if there is no room for another one.
  OriginStream* new_origin_stream();
  // The origin is not to be asked any more: closes once its streams are done.
  void retire();
  // Closes at once.
  void discard() { fail(OriginStream::Failure::kClosed); }

  // ---- from its streams
  Worker& worker() { return worker_; }
  http::H2Session& session() { return session_; }
  bool connected() const { return connected_; }
  bool reused() const { return reused_; }
  void flush_soon();
  // Gets input_done() after the current read.
  void input_came(H2OriginStream& stream);
  // Frees it with the next flush.
  void stream_closed(H2OriginStream& stream);

  // ---- from the worker
  void flush() override;

  // ---- Connection
  void on_ready(std::uint32_t events) override;
  void on_timeout() override;

 private:
  // ---- http::H2Session::Owner
  http::H2Stream& new_stream() override;  // never asked
  void on_abuse(http::H2Abuse) override {}

  void on_connected();
  void read();
  void send_backlog();
  void fail(OriginStream::Failure failure);

  OriginPool& pool_;
  http::H2Session session_;
  std::vector<std::unique_ptr<H2OriginStream>> streams_;
  std::vector<std::unique_ptr<H2OriginStream>> buried_;  // may be on the stack until the next flush
  std::vector<H2OriginStream*> with_input_;
  std::string out_;  // frames that the socket did not take
  bool connected_;
  bool reused_ = false;
  bool readable_ = false;
  bool hangup_ = false;
  bool retired_ = false;
};

}  // namespace fairlead::edge
