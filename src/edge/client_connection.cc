#include "edge/client_connection.h"

#include <sys/socket.h>

#include "edge/exchange.h"
#include "edge/send.h"
#include "edge/worker.h"
#include "http/h1_writer.h"

namespace fairlead::edge {

using http::BodyFraming;
using io::IoStatus;

namespace {

// A client that has shut down its sending side may wait for the answer, or may be gone: the socket
// looks the same. This is how long an origin gets to begin its answer before it is cancelled.
constexpr Duration kHalfClosedPatience = 5s;
// How long a client whose input nobody wants may go on sending before the connection is reset:
// closing at once would reset it before the client has read the answer (RFC 9112 §9.6).
constexpr Duration kLinger = 2s;
// Body pieces up to this size are copied behind the head to go out in one piece.
constexpr std::size_t kCopyBelow = 4 * 1024;

}  // namespace

ClientConnection::ClientConnection(Worker& worker, io::Transport transport, const io::Address& peer)
    : ClientSocket(worker, std::move(transport)),
      peer_(peer.host()),
      trusted_(peer.is_unix() || worker.plan().trusted().contains(peer)) {}

ClientConnection::~ClientConnection() = default;

// What came behind a TLS handshake is in the session already: no event will tell of it.
void ClientConnection::start() {
  readable_ = transport_.is_tls();
  read();
}

ClientFacts ClientConnection::facts() const {
  return {.address = peer_,
          .trusted = trusted_,
          .tls = transport_.is_tls(),
          .tls_version = transport_.tls_version(),
          .protocol = minor_version_ == 0 ? "HTTP/1.0" : "HTTP/1.1"};
}

// ---- events

void ClientConnection::on_ready(std::uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return gone();
  if (events & EPOLLRDHUP) hangup_ = true;
  // TLS may want to read in order to write, and the other way round.
  if (!out_.empty() && ((events & EPOLLOUT) || transport_.is_tls())) send_backlog();
  if (closed()) return;
  if (hangup_ || (events & EPOLLIN)) readable_ = true;
  read();
}

void ClientConnection::on_timeout() {
  switch (std::exchange(wait_, Wait::kNone)) {
    case Wait::kNone:
      return;
    case Wait::kIdle:
      transport_.shutdown_write();
      return end_of_life();
    case Wait::kHead:
      worker_.stats().hit(Limit::kHeadTime);
      return refuse({408, "the request head did not come in time"});
    case Wait::kBody:
      worker_.stats().hit(Limit::kBodyTime);
      return exchange_->request_failed({408, "the request body did not come in time"});
    case Wait::kHalfClosed:
      if (exchange_ && !exchange_->response_started()) gone();
      return;
    case Wait::kWrite:
      worker_.stats().hit(Limit::kWriteTime);
      return gone();
    case Wait::kLinger:
      return gone();
  }
}

ClientConnection::Wait ClientConnection::what_to_wait_for() const {
  if (state_ == State::kClosing) return out_.empty() ? Wait::kLinger : Wait::kWrite;
  if (!out_.empty()) return Wait::kWrite;
  if (state_ == State::kHead) return in_.empty() ? Wait::kIdle : Wait::kHead;
  if (state_ == State::kAnswer) return hangup_ ? Wait::kHalfClosed : Wait::kNone;
  return exchange_->wants_body() && !exchange_->tunnel() ? Wait::kBody : Wait::kNone;
}

// `progress`: bytes have moved, so what is timed between two moves starts anew.
void ClientConnection::update_timeout(bool progress) {
  const Wait wait = what_to_wait_for();
  const bool restarts = progress && (wait == Wait::kBody || wait == Wait::kWrite);
  if (wait == wait_ && !restarts) return;
  wait_ = wait;
  Worker::Timeouts& lists = worker_.timeouts();
  const control::EdgeTimeouts& timeouts = worker_.plan().timeouts();
  switch (wait) {
    case Wait::kNone:
      return cancel_timeout();
    case Wait::kIdle:
      return lists.idle.arm(*this, timeouts.idle);
    case Wait::kHead:
      return lists.head.arm(*this, timeouts.head);
    case Wait::kBody:
      return lists.body.arm(*this, timeouts.body);
    case Wait::kWrite:
      return lists.write.arm(*this, timeouts.write);
    case Wait::kHalfClosed:
      return lists.linger.arm(*this, kHalfClosedPatience);
    case Wait::kLinger:
      return lists.linger.arm(*this, kLinger);
  }
}

// ---- receiving

bool ClientConnection::wants_input() const {
  switch (state_) {
    case State::kHead:
      return out_.empty();
    case State::kBody:
      return exchange_->wants_body();
    case State::kAnswer:
      return false;
    case State::kClosing:
      return true;
  }
  return false;
}

void ClientConnection::read() {
  bool progress = false;
  while (readable_ && wants_input()) {
    const std::span<char> buffer = worker_.client_buffer();
    const io::IoResult result = transport_.read(buffer);
    switch (result.status) {
      case IoStatus::kWouldBlock:
        readable_ = false;
        break;
      case IoStatus::kEnd:
        readable_ = false;
        ended_ = true;
        return on_end();
      case IoStatus::kFailed:
        return gone();
      case IoStatus::kDone:
        // A short read has emptied the socket; an end that is known to follow must be read.
        if (result.bytes < buffer.size() && !hangup_ && !transport_.is_tls()) readable_ = false;
        progress = true;
        take_input({buffer.data(), result.bytes});
        if (closed()) return;
    }
  }
  update_timeout(progress);
}

// Works on what was left over and on `bytes`; keeps what cannot be used yet.
void ClientConnection::take_input(std::string_view bytes) {
  const bool own = !in_.empty();
  if (own) in_ += bytes;
  input_ = own ? std::string_view(in_) : bytes;
  process();
  if (closed()) return;
  if (!own) {
    in_ = std::string(input_);
  } else if (input_.empty()) {
    in_ = std::string();
  } else {
    in_.erase(0, in_.size() - input_.size());
  }
  input_ = {};
}

void ClientConnection::process() {
  processing_ = true;
  bool progress = true;
  while (progress && !closed() && !input_.empty()) {
    switch (state_) {
      case State::kHead:
        progress = out_.empty() && take_head();
        break;
      case State::kBody:
        progress = take_body();
        break;
      case State::kAnswer:
        progress = false;
        break;
      case State::kClosing:
        input_ = {};
    }
  }
  processing_ = false;
  if (!closed() && exchange_ && state_ == State::kBody) exchange_->request_flush();
}

// True if there may be more to do with the input.
bool ClientConnection::take_head() {
  http::HeadParser& parser = worker_.request_parser();
  switch (parser.parse_request(input_, scanned_)) {
    case http::ParseState::kIncomplete:
      return false;
    case http::ParseState::kError:
      if (speaks_h2()) {
        hand_over_to_h2();
        return false;
      }
      refuse(parser.error());
      return true;
    case http::ParseState::kComplete:
      break;
  }
  first_ = false;
  const http::RequestHead& head = parser.request();
  input_.remove_prefix(parser.consumed());
  scanned_ = 0;
  minor_version_ = head.minor_version;
  keep_alive_ = head.keep_alive;
  request_framing_ = head.body.kind;
  body_left_ = head.body.length;
  if (request_framing_ == BodyFraming::Kind::kChunked) decoder_.reset();
  const bool whole = request_framing_ == BodyFraming::Kind::kNone ||
                     (request_framing_ == BodyFraming::Kind::kLength && body_left_ == 0);
  state_ = whole ? State::kAnswer : State::kBody;
  exchange_ = worker_.new_exchange();
  exchange_->start(*this, head, facts());
  return true;
}

// HTTP/2 by prior knowledge (RFC 9113 §3.3) begins with what is an error in HTTP/1.1. Over TLS,
// ALPN has decided.
bool ClientConnection::speaks_h2() const {
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  constexpr std::string_view kEnough = "PRI * HTTP/2";
  return first_ && !transport_.is_tls() && input_.starts_with(kEnough) &&
         kPreface.starts_with(input_.substr(0, kPreface.size()));
}

void ClientConnection::hand_over_to_h2() {
  ClientEntry::unlink();
  worker_.serve_h2(release(), peer_, trusted_, input_);
}

void ClientConnection::refuse(const http::ParseError& error) {
  if (error.status == 431 || error.status == 414) worker_.stats().hit(Limit::kHeadSize);
  keep_alive_ = false;
  minor_version_ = 1;
  state_ = State::kBody;
  request_framing_ = BodyFraming::Kind::kNone;
  exchange_ = worker_.new_exchange();
  exchange_->start_refused(*this, facts(), error);
}

bool ClientConnection::take_body() {
  if (!exchange_->wants_body()) return false;
  if (request_framing_ == BodyFraming::Kind::kChunked) return take_chunks();
  std::string_view data = input_;
  bool end = false;
  if (request_framing_ == BodyFraming::Kind::kLength) {
    data = data.substr(0, body_left_);
    body_left_ -= data.size();
    end = body_left_ == 0;
  }
  input_.remove_prefix(data.size());
  if (end) state_ = State::kAnswer;
  exchange_->request_body(data, end, {});
  return true;
}

bool ClientConnection::take_chunks() {
  const http::ChunkedDecoder::Step step = decoder_.decode(input_);
  input_.remove_prefix(step.consumed);
  switch (step.state) {
    case http::ParseState::kError:
      exchange_->request_failed(decoder_.error());
      return true;
    case http::ParseState::kComplete:
      state_ = State::kAnswer;
      exchange_->request_body(step.data, true, decoder_.trailers());
      return true;
    case http::ParseState::kIncomplete:
      if (!step.data.empty()) exchange_->request_body(step.data, false, {});
      return step.consumed > 0;
  }
  return false;
}

void ClientConnection::resume_request_body() {
  if (processing_) return;  // the loop in process() goes on by itself
  if (in_.empty()) {
    process();
  } else {
    take_input({});
  }
  if (!closed()) read();
}

void ClientConnection::on_end() {
  if (exchange_) return gone();  // in the middle of a request, or of a tunnel
  transport_.shutdown_write();
  end_of_life();
}

void ClientConnection::gone() {
  Exchange* exchange = std::exchange(exchange_, nullptr);
  end_of_life();
  if (exchange) exchange->client_gone();
}

// ---- sending

void ClientConnection::send_interim(const http::ResponseHead& head) {
  if (minor_version_ == 0) return;  // RFC 9110 §15.2
  append_response_head(worker_.out_buffer(), head, {}, {});
  holding_ = true;
  flush();
}

void ClientConnection::send_head(const http::ResponseHead& head, std::string_view request_id) {
  using Form = ResponseForm::Connection;
  ResponseForm form{.body = head.body};
  request_whole_ = exchange_->request_whole();
  bool keep = keep_alive_ && request_whole_ && !hangup_ && !worker_.draining();
  if (form.body.kind == BodyFraming::Kind::kChunked ||
      form.body.kind == BodyFraming::Kind::kUntilClose) {
    const bool chunks = minor_version_ > 0;
    form.body.kind = chunks ? BodyFraming::Kind::kChunked : BodyFraming::Kind::kUntilClose;
    if (!chunks) keep = false;
  }
  form.connection = !keep                 ? Form::kClose
                    : minor_version_ == 0 ? Form::kKeepAliveSaid
                                          : Form::kKeepAlive;
  if (head.status == 101) {
    form.connection = Form::kUpgrade;
    form.body.kind = BodyFraming::Kind::kNone;
    keep = false;
    state_ = State::kBody;
    request_framing_ = BodyFraming::Kind::kUntilClose;
  }
  response_framing_ = head.status == 101 ? BodyFraming::Kind::kUntilClose : form.body.kind;
  close_after_ = !keep;
  append_response_head(worker_.out_buffer(), head, form, request_id);
  holding_ = true;
}

void ClientConnection::send_body(std::string_view data, bool end, std::string_view trailers) {
  if (response_framing_ == BodyFraming::Kind::kNone) return;
  const bool chunked = response_framing_ == BodyFraming::Kind::kChunked;
  std::string& held = worker_.out_buffer();
  holding_ = true;
  if (!data.empty()) {
    if (chunked) http::append_chunk_size(held, data.size());
    const std::string_view after = chunked ? http::kChunkEnd : std::string_view();
    if (data.size() <= kCopyBelow) {
      held.append(data).append(after);
    } else {
      send(std::array{std::string_view(held), data, after});
      held.clear();
    }
  }
  if (end && chunked) held.append("0\r\n").append(trailers).append("\r\n");
}

void ClientConnection::flush() {
  if (!holding_) return;
  holding_ = false;
  std::string& held = worker_.out_buffer();
  if (!held.empty()) send(std::array{std::string_view(held)});
  held.clear();
}

// A failure is not reported from here, where an exchange is in the middle of giving us bytes: the
// socket is shut down, and the event that this makes is handled like any other.
void ClientConnection::send(std::span<const std::string_view> parts) {
  if (write_failed_) return;
  if (send_parts(transport_, parts, out_).failed) {
    write_failed_ = true;
    ::shutdown(transport_.fd(), SHUT_RDWR);
  }
  if (!out_.empty()) update_timeout(false);
}

void ClientConnection::send_backlog() {
  const SendResult result = edge::send_backlog(transport_, out_);
  if (result.failed) return gone();
  update_timeout(result.bytes > 0);
  if (!out_.empty()) return;
  if (state_ == State::kClosing) {
    linger_or_close();
  } else if (exchange_) {
    exchange_->client_drained();
  } else {
    next_request();
  }
}

// ---- between requests, and the end

void ClientConnection::exchange_finished() {
  exchange_ = nullptr;
  if (close_after_) return begin_close();
  state_ = State::kHead;
  if (!processing_) next_request();
}

void ClientConnection::next_request() {
  if (!in_.empty()) take_input({});
  if (!closed()) read();
}

void ClientConnection::exchange_cut() {
  exchange_ = nullptr;
  holding_ = false;
  worker_.out_buffer().clear();
  // Only a reset tells a client that reads until the end that this is not the end.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(transport_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  end_of_life();
}

void ClientConnection::begin_close() {
  state_ = State::kClosing;
  if (!out_.empty()) return update_timeout(false);
  linger_or_close();
}

void ClientConnection::linger_or_close() {
  transport_.shutdown_write();
  const bool nothing_unread = in_.empty() && input_.empty() && !readable_ && request_whole_;
  if (nothing_unread || ended_) return end_of_life();
  in_ = std::string();
  update_timeout(false);
  if (!processing_) read();
}

void ClientConnection::drain(Duration grace) {
  if (state_ != State::kHead || !in_.empty()) return;
  wait_ = Wait::kIdle;
  worker_.timeouts().linger.arm(*this, grace);
}

void ClientConnection::cut_off() { gone(); }

}  // namespace fairlead::edge
