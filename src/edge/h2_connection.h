#pragma once

#include <memory>
#include <string>
#include <vector>

#include "edge/connection.h"
#include "edge/flushed.h"
#include "edge/forward.h"
#include "edge/h2_stream.h"
#include "http/h2_session.h"

namespace fairlead::edge {

// An HTTP/2 client. Its streams are the client sides of as many exchanges; what they send within
// one iteration of the loop leaves in one piece, at its end.
class H2Connection final : public ClientSocket, public http::H2Session::Owner, public Flushed {
 public:
  // `address` and `trusted` as in ClientFacts.
  H2Connection(Worker& worker, io::Transport transport, std::string address, bool trusted);
  ~H2Connection() override;

  // Once it is watched and in the worker's list. `first` was read already.
  void start(std::string_view first);

  // ---- from its streams
  Worker& worker() { return worker_; }
  http::H2Session& session() { return session_; }
  ClientFacts facts() const;
  void flush_soon();
  // Gets input_done() after the current read.
  void input_came(H2ClientStream& stream);
  void stream_closed(H2ClientStream& stream);

  // ---- from the worker
  void flush() override;
  void drain(Duration grace) override;
  void cut_off() override { gone(); }

  // ---- Connection
  void on_ready(std::uint32_t events) override;
  void on_timeout() override;

 private:
  enum class Wait : std::uint8_t { kNone, kIdle, kHead, kWrite, kDrain, kLinger };

  // ---- http::H2Session::Owner
  http::H2Stream& new_stream() override;
  void on_abuse(http::H2Abuse abuse) override;

  void read();
  void take_input(std::string_view bytes);
  void send_backlog();
  void begin_close();
  void gone();
  void update_timeout(bool progress);
  Wait what_to_wait_for() const;

  const std::string address_;
  const bool trusted_;
  http::H2Session session_;
  io::Link streams_;  // H2ClientStream
  std::vector<std::unique_ptr<H2ClientStream>> spare_;
  std::vector<H2ClientStream*> with_input_;
  std::string out_;  // frames that the socket did not take
  Wait wait_ = Wait::kNone;
  bool readable_ = false;
  bool hangup_ = false;   // the client will send no more than it has sent
  bool ending_ = false;   // drained
  bool closing_ = false;  // all is sent; input is thrown away
};

}  // namespace fairlead::edge
