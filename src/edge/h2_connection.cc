#include "edge/h2_connection.h"

#include <sys/socket.h>

#include "edge/exchange.h"
#include "edge/send.h"
#include "edge/worker.h"

namespace fairlead::edge {

using io::IoStatus;

namespace {
// What is read of one client before others get their turn.
constexpr std::size_t kReadAtOnce = 256 * 1024;
// Frames gathered for one call.
constexpr std::size_t kSendAtOnce = 64 * 1024;
// Closed streams whose objects are kept for the next ones, while the connection is in use.
constexpr std::size_t kSpareStreams = 32;
constexpr Duration kLinger = 2s;  // as for HTTP/1.1

http::H2Limits limits_of(const control::EdgeLimits& limits) {
  return {.max_head = limits.max_head, .max_streams = limits.h2_max_streams};
}

}  // namespace

H2Connection::H2Connection(Worker& worker, io::Transport transport, std::string address,
                           bool trusted)
    : ClientSocket(worker, std::move(transport)),
      address_(std::move(address)),
      trusted_(trusted),
      session_(http::H2Session::Role::kServer, limits_of(worker.plan().limits()), *this) {
  worker_.stats().h2_connections.add();
}

H2Connection::~H2Connection() {
  while (streams_.linked()) {
    delete static_cast<H2ClientStream*>(static_cast<H2StreamEntry*>(streams_.next));
  }
}

void H2Connection::start(std::string_view first) {
  readable_ = true;
  if (!first.empty()) take_input(first);
  read();
  flush_soon();
}

ClientFacts H2Connection::facts() const {
  return {.address = address_,
          .trusted = trusted_,
          .tls = transport_.is_tls(),
          .tls_version = transport_.tls_version(),
          .protocol = "HTTP/2"};
}

// ---- events

void H2Connection::on_ready(std::uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return gone();
  if (events & EPOLLRDHUP) hangup_ = true;
  if (!out_.empty() && ((events & EPOLLOUT) || transport_.is_tls())) send_backlog();
  if (closed()) return;
  if (hangup_ || (events & EPOLLIN)) readable_ = true;
  read();
}

void H2Connection::read() {
  std::size_t left = kReadAtOnce;
  while (readable_ && out_.empty()) {
    if (left == 0) return flush_soon();  // which reads on
    const std::span<char> buffer = worker_.client_buffer();
    const io::IoResult result = transport_.read(buffer);
    switch (result.status) {
      case IoStatus::kWouldBlock:
        readable_ = false;
        break;
      case IoStatus::kEnd:
      case IoStatus::kFailed:
        return gone();
      case IoStatus::kDone:
        if (result.bytes < buffer.size() && !hangup_ && !transport_.is_tls()) readable_ = false;
        left -= std::min(left, result.bytes);
        if (!closing_) take_input({buffer.data(), result.bytes});
    }
  }
}

void H2Connection::take_input(std::string_view bytes) {
  session_.receive(bytes, worker_.loop().now());
  for (std::size_t i = 0; i < with_input_.size(); ++i) with_input_[i]->input_done();
  with_input_.clear();
  flush_soon();
}

void H2Connection::input_came(H2ClientStream& stream) {
  if (with_input_.empty() || with_input_.back() != &stream) with_input_.push_back(&stream);
}

// ---- streams

http::H2Stream& H2Connection::new_stream() {
  worker_.stats().h2_streams.add();
  if (spare_.empty()) spare_.push_back(std::make_unique<H2ClientStream>(*this));
  H2ClientStream* stream = spare_.back().release();
  spare_.pop_back();
  static_cast<H2StreamEntry*>(stream)->insert_before(streams_);
  return *stream;
}

void H2Connection::stream_closed(H2ClientStream& stream) {
  static_cast<H2StreamEntry&>(stream).unlink();
  std::erase(with_input_, &stream);
  std::unique_ptr<H2ClientStream> closed_stream(&stream);
  if (spare_.size() >= kSpareStreams) return;
  stream.recycle();
  spare_.push_back(std::move(closed_stream));
}

void H2Connection::on_abuse(http::H2Abuse abuse) {
  worker_.stats().hit(abuse == http::H2Abuse::kResets   ? Limit::kH2Resets
                      : abuse == http::H2Abuse::kFrames ? Limit::kH2Frames
                                                        : Limit::kH2Head);
}

// ---- sending

void H2Connection::flush_soon() {
  if (!closed() && !Flushed::linked()) worker_.flush_later(*this);
}

void H2Connection::flush() {
  std::string& frames = worker_.h2_frames();
  while (out_.empty() && session_.has_output()) {
    frames.clear();
    session_.produce(frames, kSendAtOnce);
    if (frames.empty()) break;
    if (send_parts(transport_, std::array{std::string_view(frames)}, out_).failed) return gone();
  }
  if (out_.empty() && session_.over()) return begin_close();
  if (readable_) read();
  if (!closed()) update_timeout(false);
}

void H2Connection::send_backlog() {
  const SendResult result = edge::send_backlog(transport_, out_);
  if (result.failed) return gone();
  update_timeout(result.bytes > 0);
  if (out_.empty()) flush_soon();
}

// ---- the end

void H2Connection::begin_close() {
  if (closing_) return update_timeout(false);
  closing_ = true;
  transport_.shutdown_write();
  for (io::Link* link = streams_.next; link != &streams_; link = link->next) {
    static_cast<H2ClientStream*>(static_cast<H2StreamEntry*>(link))->gone();
  }
  read();
  if (!closed()) update_timeout(false);
}

void H2Connection::gone() {
  if (closed()) return;
  for (io::Link* link = streams_.next; link != &streams_; link = link->next) {
    static_cast<H2ClientStream*>(static_cast<H2StreamEntry*>(link))->gone();
  }
  Flushed::unlink();
  end_of_life();
}

void H2Connection::drain(Duration grace) {
  if (closing_ || ending_) return;
  ending_ = true;
  session_.announce_end();
  wait_ = Wait::kDrain;
  worker_.timeouts().linger.arm(*this, grace);
  flush_soon();
}

// ---- waiting

H2Connection::Wait H2Connection::what_to_wait_for() const {
  if (wait_ == Wait::kDrain) return Wait::kDrain;
  if (closing_) return Wait::kLinger;
  if (!out_.empty()) return Wait::kWrite;
  if (session_.in_head()) return Wait::kHead;
  return streams_.linked() ? Wait::kNone : Wait::kIdle;
}

void H2Connection::update_timeout(bool progress) {
  const Wait wait = what_to_wait_for();
  if (wait == wait_ && !(progress && wait == Wait::kWrite)) return;
  wait_ = wait;
  Worker::Timeouts& lists = worker_.timeouts();
  const control::EdgeTimeouts& timeouts = worker_.plan().timeouts();
  switch (wait) {
    case Wait::kNone:
      return cancel_timeout();
    case Wait::kIdle:
      spare_.clear();
      return lists.idle.arm(*this, timeouts.idle);
    case Wait::kHead:
      return lists.head.arm(*this, timeouts.head);
    case Wait::kWrite:
      return lists.write.arm(*this, timeouts.write);
    case Wait::kDrain:
      return;
    case Wait::kLinger:
      return lists.linger.arm(*this, kLinger);
  }
}

void H2Connection::on_timeout() {
  switch (std::exchange(wait_, Wait::kNone)) {
    case Wait::kNone:
      return;
    case Wait::kHead:
      worker_.stats().hit(Limit::kHeadTime);
      session_.end(http::H2Error::kCalm);
      return flush_soon();
    case Wait::kWrite:
      worker_.stats().hit(Limit::kWriteTime);
      return gone();
    case Wait::kIdle:
    case Wait::kDrain:
      session_.end();
      return flush_soon();
    case Wait::kLinger:
      return gone();
  }
}

}  // namespace fairlead::edge
