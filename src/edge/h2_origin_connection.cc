#include "edge/h2_origin_connection.h"

#include <sys/socket.h>

#include "edge/exchange.h"
#include "edge/origin_pool.h"
#include "edge/send.h"
#include "edge/worker.h"

namespace fairlead::edge {

using io::IoStatus;

namespace {
constexpr Duration kIdleTime = 30s;  // as for HTTP/1.1
// Frames gathered for one call.
constexpr std::size_t kSendAtOnce = 64 * 1024;

// An origin is not a stranger: it may ping as it likes.
http::H2Limits limits_of(const control::EdgeLimits& limits) {
  return {.max_head = limits.max_head, .frame_burst = 100'000, .frames_per_second = 10'000};
}
}  // namespace

H2OriginConnection::H2OriginConnection(OriginPool& pool, Worker& worker, io::Transport transport,
                                       bool connected)
    : Connection(worker, std::move(transport)),
      pool_(pool),
      session_(http::H2Session::Role::kClient, limits_of(worker.plan().limits()), *this),
      connected_(connected) {
  if (!connected) worker_.timeouts().connect.arm(*this, worker_.plan().timeouts().connect);
}

H2OriginConnection::~H2OriginConnection() = default;

http::H2Stream& H2OriginConnection::new_stream() { std::abort(); }

OriginStream* H2OriginConnection::new_origin_stream() {
  if (closed() || retired_ || !session_.has_room(streams_.size())) return nullptr;
  streams_.push_back(std::make_unique<H2OriginStream>(*this));
  if (connected_) cancel_timeout();
  return streams_.back().get();
}

void H2OriginConnection::stream_closed(H2OriginStream& stream) {
  const auto place = std::ranges::find(streams_, &stream, &std::unique_ptr<H2OriginStream>::get);
  if (place == streams_.end()) return;
  reused_ = true;
  std::erase(with_input_, &stream);
  buried_.push_back(std::move(*place));
  streams_.erase(place);
  flush_soon();
}

void H2OriginConnection::retire() {
  retired_ = true;
  flush_soon();
}

// ---- events

void H2OriginConnection::on_ready(std::uint32_t events) {
  if (!connected_) on_connected();
  if (closed()) return;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hangup_ = true;
  if ((events & EPOLLOUT) && !out_.empty()) send_backlog();
  if (closed()) return;
  if (hangup_ || (events & EPOLLIN)) readable_ = true;
  read();
}

void H2OriginConnection::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(transport_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail(OriginStream::Failure::kRefused);
  connected_ = true;
  cancel_timeout();
  for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i]->connected_now();
  flush_soon();
}

void H2OriginConnection::on_timeout() {
  if (!connected_) return fail(OriginStream::Failure::kConnectTimeout);
  retire();
}

void H2OriginConnection::read() {
  while (readable_ && !closed()) {
    const std::span<char> buffer = worker_.origin_buffer();
    const io::IoResult result = transport_.read(buffer);
    switch (result.status) {
      case IoStatus::kWouldBlock:
        readable_ = false;
        break;
      case IoStatus::kEnd:
      case IoStatus::kFailed:
        return fail(OriginStream::Failure::kClosed);
      case IoStatus::kDone:
        // A short read has emptied the socket; an end that is known to follow must be read.
        if (result.bytes < buffer.size() && !hangup_) readable_ = false;
        session_.receive({buffer.data(), result.bytes}, worker_.loop().now());
        for (std::size_t i = 0; i < with_input_.size(); ++i) with_input_[i]->input_done();
        with_input_.clear();
        flush_soon();
    }
  }
}

void H2OriginConnection::input_came(H2OriginStream& stream) {
  if (with_input_.empty() || with_input_.back() != &stream) with_input_.push_back(&stream);
}

// ---- sending

void H2OriginConnection::flush_soon() {
  if (!closed() && !Flushed::linked()) worker_.flush_later(*this);
}

void H2OriginConnection::flush() {
  std::string& frames = worker_.h2_frames();
  while (connected_ && out_.empty() && session_.has_output()) {
    frames.clear();
    session_.produce(frames, kSendAtOnce);
    if (frames.empty()) break;
    if (send_parts(transport_, std::array{std::string_view(frames)}, out_).failed) break;
  }
  buried_.clear();
  if (session_.over()) return fail(OriginStream::Failure::kProtocol);
  if (!streams_.empty() || !connected_) return;
  if (retired_) return fail(OriginStream::Failure::kClosed);
  worker_.timeouts().origin_idle.arm(*this, kIdleTime);
}

void H2OriginConnection::send_backlog() {
  if (edge::send_backlog(transport_, out_).failed) out_.clear();  // the socket's event tells
  if (out_.empty()) flush_soon();
}

// ---- the end

void H2OriginConnection::fail(OriginStream::Failure failure) {
  if (closed()) return;
  Flushed::unlink();
  H2OriginEntry::unlink();
  close();
  with_input_.clear();
  for (std::unique_ptr<H2OriginStream>& stream : std::exchange(streams_, {})) {
    buried_.push_back(std::move(stream));
  }
  for (std::size_t i = 0; i < buried_.size(); ++i) buried_[i]->connection_failed(failure);
  pool_.connection_closed();
}

}  // namespace fairlead::edge
