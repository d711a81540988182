#pragma once

#include <span>
#include <string>

#include "edge/client_stream.h"
#include "edge/connection.h"
#include "edge/forward.h"
#include "http/h1_parser.h"
#include "io/address.h"

namespace fairlead::edge {

class Exchange;

// An HTTP/1.1 (or 1.0) client. One exchange at a time; what a pipelining client sends ahead waits
// here or in the kernel. Idle connections keep no buffers.
class ClientConnection final : public ClientSocket, public ClientStream {
 public:
  ClientConnection(Worker& worker, io::Transport transport, const io::Address& peer);
  ~ClientConnection() override;

  // Once it is watched and in the worker's list.
  void start();

  // ---- ClientSocket
  void drain(Duration grace) override;
  void cut_off() override;

  // ---- Connection
  void on_ready(std::uint32_t events) override;
  void on_timeout() override;

  // ---- ClientStream
  void send_interim(const http::ResponseHead& head) override;
  void send_head(const http::ResponseHead& head, std::string_view request_id) override;
  void send_body(std::string_view data, bool end, std::string_view trailers) override;
  void flush() override;
  bool congested() const override { return !out_.empty(); }
  void resume_request_body() override;
  void exchange_finished() override;
  void exchange_cut() override;

 private:
  enum class State : std::uint8_t {
    kHead,    // between requests, or a head is coming
    kBody,    // an exchange runs, its request is still coming (or a tunnel is open)
    kAnswer,  // an exchange runs, its request is whole
    kClosing  // the last response is being sent; input is thrown away
  };
  enum class Wait : std::uint8_t { kNone, kIdle, kHead, kBody, kWrite, kHalfClosed, kLinger };

  ClientFacts facts() const;
  void read();
  bool wants_input() const;
  void take_input(std::string_view bytes);
  void process();
  bool take_head();
  bool speaks_h2() const;
  void hand_over_to_h2();
  bool take_body();
  bool take_chunks();
  void refuse(const http::ParseError& error);
  void next_request();
  void on_end();
  void gone();
  void send(std::span<const std::string_view> parts);
  void send_backlog();
  void begin_close();
  void linger_or_close();
  void update_timeout(bool progress);
  Wait what_to_wait_for() const;

  Exchange* exchange_ = nullptr;
  std::string peer_;        // address without port
  std::string in_;          // bytes read and not yet used
  std::string out_;         // bytes that the socket did not take
  std::string_view input_;  // what process() works on: in_ or the worker's buffer
  http::ChunkedDecoder decoder_;
  std::uint64_t body_left_ = 0;
  std::size_t scanned_ = 0;
  http::BodyFraming::Kind request_framing_ = http::BodyFraming::Kind::kNone;
  http::BodyFraming::Kind response_framing_ = http::BodyFraming::Kind::kNone;
  State state_ = State::kHead;
  Wait wait_ = Wait::kNone;
  std::uint8_t minor_version_ = 1;
  bool trusted_ = false;
  bool first_ = true;  // no head has come yet
  bool processing_ = false;
  bool readable_ = false;
  bool hangup_ = false;        // the client will send no more than it has sent
  bool ended_ = false;         // and all of it was read
  bool keep_alive_ = true;     // as the request said
  bool request_whole_ = true;  // when its response began
  bool close_after_ = false;   // as the response said
  bool write_failed_ = false;
  bool holding_ = false;  // the worker's out_buffer holds bytes of ours
};

}  // namespace fairlead::edge
