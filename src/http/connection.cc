#include "http/connection.h"

#include <array>

#include "base/strings.h"

namespace fairlead::http {

namespace {

// One buffer for all connections of a loop's thread: a connection that waits holds no buffer.
thread_local std::array<char, 64 << 10> shared_buffer;

// Bytes written per wait at most, so that a slow but living peer is told from a dead one.
constexpr std::size_t kWritePiece = 256 << 10;
// A connection that had a large head or body once does not keep the memory.
constexpr std::size_t kKeptInput = 4 << 10;
constexpr Duration kLingerTime = 3s;
// More of an unwanted body is not worth keeping its connection.
constexpr std::size_t kSkippedBody = 256 << 10;

}  // namespace

void Connection::consume(std::size_t size) {
  start_ += size;
  if (start_ < input_.size()) return;
  start_ = 0;
  input_.clear();
  if (input_.capacity() > kKeptInput) input_.shrink_to_fit();
}

bool Connection::receive_now() {
  const io::IoResult result = stream_.try_read(shared_buffer);
  if (result.status != io::IoStatus::kDone) return false;
  input_.erase(0, start_);
  start_ = 0;
  input_.append(shared_buffer.data(), result.bytes);
  return true;
}

io::Task<Result<std::string_view>> Connection::receive_shared(io::Deadline deadline) {
  CO_TRY(const std::size_t size, co_await stream_.read(shared_buffer, deadline));
  co_return std::string_view(shared_buffer.data(), size);
}

io::Task<Result<bool>> Connection::receive(io::Deadline deadline) {
  if (receive_now()) co_return true;
  CO_TRY(const std::size_t size, co_await stream_.read(shared_buffer, deadline));
  input_.erase(0, start_);
  start_ = 0;
  input_.append(shared_buffer.data(), size);
  co_return size != 0;
}

io::Task<Result<>> Connection::send(std::string_view bytes, Duration pause, io::Deadline deadline) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kWritePiece);
    // Nearly always there is room, and no coroutine needs to be made to find that out.
    const io::IoResult written = stream_.transport().write(piece);
    bytes.remove_prefix(written.bytes);
    if (written.status == io::IoStatus::kDone && written.bytes == piece.size()) continue;
    const std::string_view rest = piece.substr(written.bytes);
    CO_TRY_VOID(co_await stream_.write(rest, deadline.within(pause)));
    bytes.remove_prefix(rest.size());
  }
  co_return Result<>();
}

io::Task<Result<>> Connection::send(std::string_view head, std::string_view body,
                                    std::string_view tail, Duration pause, io::Deadline deadline) {
  const auto part = [](std::string_view text) {
    return iovec{const_cast<char*>(text.data()), text.size()};
  };
  const bool at_once = body.size() <= kWritePiece;
  const std::array<iovec, 3> parts = {part(head), part(body.substr(0, kWritePiece)), part(tail)};
  std::size_t written = stream_.transport().write(std::span(parts).first(at_once ? 3 : 2)).bytes;
  for (const std::string_view text : {head, body, tail}) {
    const std::size_t gone = std::min(written, text.size());
    written -= gone;
    if (gone < text.size()) CO_TRY_VOID(co_await send(text.substr(gone), pause, deadline));
  }
  co_return Result<>();
}

io::Task<void> Connection::linger(io::Deadline deadline) {
  stream_.shutdown_write();
  const io::Deadline end = deadline.within(kLingerTime);
  for (;;) {
    const auto size = co_await stream_.read(shared_buffer, end);
    // read() does not look at the deadline while a fast sender keeps it from waiting.
    if (!size || *size == 0 || end.passed()) co_return;
  }
}

// ---- BodyReader

void BodyReader::start(const BodyFraming& framing) {
  kind_ = framing.kind;
  left_ = framing.length;
  done_ = kind_ == BodyFraming::Kind::kNone;
  if (kind_ == BodyFraming::Kind::kChunked) decoder_.reset();
}

Result<std::size_t> BodyReader::take(std::string_view bytes, std::string& out) {
  if (kind_ == BodyFraming::Kind::kChunked) {
    std::size_t used = 0;
    while (used < bytes.size() && !done_) {
      const auto step = decoder_.decode(bytes.substr(used));
      if (step.state == ParseState::kError)
        return fail(Code::kProtocol, std::string(decoder_.error().reason));
      out += step.data;
      used += step.consumed;
      done_ = step.state == ParseState::kComplete;
    }
    return used;
  }
  std::size_t used = bytes.size();
  if (kind_ == BodyFraming::Kind::kLength) {
    used = static_cast<std::size_t>(std::min<std::uint64_t>(left_, used));
    left_ -= used;
    done_ = left_ == 0;
  }
  out += bytes.substr(0, used);
  return used;
}

bool BodyReader::skip_received(Connection& connection) {
  std::string ignored;
  while (!done_) {
    const auto used = take(connection.input(), ignored);
    if (!used) return false;
    connection.consume(*used);
    if (!done_ && (ignored.size() > kSkippedBody || !connection.receive_now())) return false;
  }
  return true;
}

io::Task<Result<std::string>> BodyReader::read_some(Connection& connection, io::Deadline deadline) {
  std::string piece;
  if (!connection.input().empty()) {
    CO_TRY(const std::size_t used, take(connection.input(), piece));
    connection.consume(used);
  }
  while (piece.empty() && !done_) {
    CO_TRY(const std::string_view bytes, co_await connection.receive_shared(deadline));
    if (bytes.empty()) {
      if (kind_ != BodyFraming::Kind::kUntilClose)
        co_return fail(Code::kClosed, "the connection ended inside a body");
      done_ = true;
      break;
    }
    CO_TRY(const std::size_t used, take(bytes, piece));
    connection.input_.append(bytes.substr(used));
  }
  co_return piece;
}

Fields BodyReader::trailers() const {
  Fields fields;
  if (kind_ != BodyFraming::Kind::kChunked || !done_) return fields;
  std::string_view rest = decoder_.trailers();
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n"), colon = rest.find(':');
    fields.add_copy(rest.substr(0, colon), trim(rest.substr(colon + 1, end - colon - 1)));
    rest.remove_prefix(end + 2);
  }
  return fields;
}

}  // namespace fairlead::http
