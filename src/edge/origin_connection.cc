#include "edge/origin_connection.h"

#include <sys/socket.h>

#include "edge/exchange.h"
#include "edge/origin_pool.h"
#include "edge/send.h"
#include "edge/worker.h"
#include "http/h1_writer.h"

namespace fairlead::edge {

using http::BodyFraming;
using io::IoStatus;

namespace {
// Shorter than the keep-alive times that origins commonly have, so that it is seldom the origin who
// closes first.
constexpr Duration kIdleTime = 30s;
}  // namespace

OriginConnection::OriginConnection(OriginPool& pool, Worker& worker, io::Transport transport,
                                   bool connected)
    : Connection(worker, std::move(transport)), pool_(pool), connected_(connected) {
  if (!connected) worker_.timeouts().connect.arm(*this, worker_.plan().timeouts().connect);
}

void OriginConnection::begin(Exchange& exchange, http::Method method) {
  exchange_ = &exchange;
  method_ = method;
  at_ = At::kHead;
  scanned_ = 0;
  paused_ = request_sent_ = sent_anything_ = keep_alive_ = tunnel_ = false;
}

// ---- sending

void OriginConnection::send_head(std::string_view text, BodyFraming framing) {
  head_text_ = text;
  request_framing_ = framing.kind;
}

void OriginConnection::send_preface(std::string_view bytes) {
  used_by_one_ = true;
  send(std::array{bytes});
}

void OriginConnection::send_body(std::string_view data, bool end, std::string_view trailers) {
  const std::string_view head = std::exchange(head_text_, {});
  if (end) request_sent_ = true;
  if (request_framing_ != BodyFraming::Kind::kChunked) {
    send(std::array{head, data});
    return;
  }
  std::string size;
  if (!data.empty()) http::append_chunk_size(size, data.size());
  const std::string_view data_end = data.empty() ? std::string_view() : http::kChunkEnd;
  if (!end) {
    send(std::array{head, std::string_view(size), data, data_end});
  } else {
    send(std::array{head, std::string_view(size), data, data_end, std::string_view("0\r\n"),
                    trailers, std::string_view("\r\n")});
  }
}

void OriginConnection::flush() {
  if (!head_text_.empty()) send(std::array{std::exchange(head_text_, {})});
  update_timeout();
}

// A failed write is not reported here: the socket's error becomes an event of its own, and the
// origin may have answered before it closed.
void OriginConnection::send(std::span<const std::string_view> parts) {
  if (write_failed_) return;
  const SendResult result = send_parts(transport_, parts, out_);
  if (result.bytes > 0) sent_anything_ = true;
  if (result.failed) write_failed_ = true;
  update_timeout();
}

void OriginConnection::flush_backlog() {
  const SendResult result = send_backlog(transport_, out_);
  if (result.bytes > 0) sent_anything_ = true;
  if (result.failed) {
    write_failed_ = true;
    out_.clear();
  }
}

// ---- events

void OriginConnection::on_ready(std::uint32_t events) {
  if (!connected_) {
    on_connected();
    if (closed() || !exchange_) return;
  }
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hangup_ = true;
  if (!exchange_) {
    if (hangup_ || (events & EPOLLIN)) discard();
    return;
  }
  if ((events & EPOLLOUT) && !out_.empty()) {
    flush_backlog();
    update_timeout();
    if (out_.empty()) exchange_->origin_drained();
    if (closed() || !exchange_) return;
  }
  if (hangup_ || (events & EPOLLIN)) {
    readable_ = true;
    read();
  }
}

void OriginConnection::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    fail(Failure::kRefused);
    return;
  }
  connected_ = true;
  cancel_timeout();
  exchange_->origin_connected();
}

void OriginConnection::on_timeout() {
  if (!exchange_) return discard();
  if (tunnel_) worker_.stats().hit(Limit::kTunnelTime);
  fail(connected_ ? Failure::kResponseTimeout : Failure::kConnectTimeout);
}

void OriginConnection::update_timeout() {
  if (!connected_ || !exchange_) return;
  const control::EdgeTimeouts& timeouts = worker_.plan().timeouts();
  if (paused_ || (exchange_->waits_for_client() && out_.empty() && !tunnel_)) {
    cancel_timeout();
  } else if (tunnel_) {
    worker_.timeouts().tunnel.arm(*this, timeouts.tunnel);
  } else if (at_ == At::kHead) {
    worker_.timeouts().response.arm(*this, timeouts.response);
  } else {
    worker_.timeouts().origin_body.arm(*this, timeouts.origin_body);
  }
}

void OriginConnection::resume() {
  paused_ = false;
  update_timeout();
  read();
}

// ---- receiving

void OriginConnection::read() {
  while (readable_ && !paused_) {
    const std::span<char> buffer = worker_.origin_buffer();
    const io::IoResult result = transport_.read(buffer);
    switch (result.status) {
      case IoStatus::kWouldBlock:
        readable_ = false;
        return;
      case IoStatus::kEnd:
      case IoStatus::kFailed:
        on_end();
        return;
      case IoStatus::kDone:
        // A short read has emptied the socket; an end that is known to follow must be read.
        if (result.bytes < buffer.size() && !hangup_) readable_ = false;
        if (!consume({buffer.data(), result.bytes})) return;
    }
  }
}

// True to go on reading.
bool OriginConnection::consume(std::string_view bytes) {
  if (at_ == At::kHead) {
    const bool continued = !in_.empty();
    if (continued) {
      in_ += bytes;
      bytes = in_;
    }
    while (at_ == At::kHead && !bytes.empty()) {
      const std::size_t before = bytes.size();
      if (!take_head(bytes)) return false;
      if (bytes.size() == before) break;  // incomplete
    }
    if (at_ == At::kHead) {
      if (!continued || bytes.size() != in_.size()) in_ = std::string(bytes);
      update_timeout();
      return true;
    }
    if (continued) {  // the rest outlives the head's text, which is given back
      const std::string rest(bytes);
      in_ = std::string();
      return take_body(rest);
    }
  }
  return take_body(bytes);
}

bool OriginConnection::take_head(std::string_view& bytes) {
  http::HeadParser& parser = worker_.response_parser();
  switch (parser.parse_response(bytes, scanned_, method_)) {
    case http::ParseState::kIncomplete:
      return true;
    case http::ParseState::kError:
      return fail(Failure::kProtocol);
    case http::ParseState::kComplete:
      break;
  }
  scanned_ = 0;
  bytes.remove_prefix(parser.consumed());
  const http::ResponseHead& head = parser.response();
  const bool switching = head.status == 101;
  if (switching && !exchange_->expects_upgrade()) return fail(Failure::kProtocol);
  if (head.status < 200 && !switching) {
    exchange_->response_interim(head);
    return exchange_ != nullptr;
  }
  keep_alive_ = head.keep_alive && !switching;
  response_framing_ = switching ? BodyFraming::Kind::kUntilClose : head.body.kind;
  body_left_ = head.body.length;
  tunnel_ = switching;
  at_ = At::kBody;
  if (response_framing_ == BodyFraming::Kind::kChunked) decoder_.reset();
  exchange_->response_head(head);
  return exchange_ != nullptr;
}

bool OriginConnection::take_body(std::string_view bytes) {
  switch (response_framing_) {
    case BodyFraming::Kind::kNone:
      if (!bytes.empty()) keep_alive_ = false;  // not ours: whatever it is, nobody may read it
      return deliver({}, true, {});
    case BodyFraming::Kind::kLength: {
      const std::string_view data = bytes.substr(0, body_left_);
      if (data.size() < bytes.size()) keep_alive_ = false;
      body_left_ -= data.size();
      return deliver(data, body_left_ == 0, {});
    }
    case BodyFraming::Kind::kChunked:
      return take_chunks(bytes);
    case BodyFraming::Kind::kUntilClose:
      return deliver(bytes, false, {});
  }
  return false;
}

bool OriginConnection::take_chunks(std::string_view bytes) {
  for (;;) {
    const http::ChunkedDecoder::Step step = decoder_.decode(bytes);
    bytes.remove_prefix(step.consumed);
    if (step.state == http::ParseState::kError) return fail(Failure::kBroken);
    if (step.state == http::ParseState::kComplete) {
      if (!bytes.empty()) keep_alive_ = false;
      return deliver(step.data, true, decoder_.trailers());
    }
    if (!step.data.empty()) {
      exchange_->response_body(step.data, false, {});
      if (!exchange_) return false;
    }
    if (step.consumed == 0 || bytes.empty()) return deliver({}, false, {});
  }
}

// Passes on what one read brought. True to go on reading.
bool OriginConnection::deliver(std::string_view data, bool end, std::string_view trailers) {
  if (end) {
    at_ = At::kDone;
    exchange_->response_body(data, true, trailers);
    return false;  // the connection may be serving another exchange by now
  }
  if (!data.empty()) exchange_->response_body(data, false, {});
  if (exchange_) exchange_->response_flush();
  if (!exchange_) return false;
  update_timeout();
  return !paused_;
}

void OriginConnection::on_end() {
  if (at_ == At::kHead) {
    fail(Failure::kClosed);
  } else if (response_framing_ == BodyFraming::Kind::kUntilClose) {
    keep_alive_ = false;
    deliver({}, true, {});
  } else {
    fail(Failure::kBroken);
  }
}

// ---- the end

bool OriginConnection::fail(Failure failure) {
  Exchange* exchange = std::exchange(exchange_, nullptr);
  close_for_good();
  exchange->origin_failed(failure);
  return false;
}

void OriginConnection::finish() {
  exchange_ = nullptr;
  head_text_ = {};
  const bool usable = keep_alive_ && request_sent_ && out_.empty() && !write_failed_ && !hangup_ &&
                      !readable_ && at_ == At::kDone;
  if (!usable) return close_for_good();
  reused_ = true;
  worker_.timeouts().origin_idle.arm(*this, kIdleTime);
  pool_.put_back(*this);
}

void OriginConnection::abandon() {
  exchange_ = nullptr;
  close_for_good();
}

void OriginConnection::discard() {
  if (IdleEntry::linked()) leave_idle();
  close_for_good();
}

void OriginConnection::leave_idle() {
  IdleEntry::unlink();
  cancel_timeout();
  pool_.left_idle();
}

bool OriginConnection::probe() {
  char byte;
  return ::recv(transport_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

void OriginConnection::close_for_good() {
  if (closed()) return;
  close();
  pool_.connection_closed();
}

}  // namespace fairlead::edge
