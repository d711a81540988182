// One HTTP/1.1 connection seen as bytes and bodies: what Server and Client share. Used by them
// only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/h1_parser.h"
#include "http/message.h"
#include "io/stream.h"

namespace fairlead::http {

class Connection {
 public:
  explicit Connection(io::Stream stream) : stream_(std::move(stream)) {}

  // What was received and not consumed yet. Valid until the next receive() or consume().
  std::string_view input() const { return std::string_view(input_).substr(start_); }
  void consume(std::size_t size);
  // Waits for more input; false at the end of the stream.
  io::Task<Result<bool>> receive(io::Deadline deadline);
  // The same without waiting; false if there is nothing now, or never will be.
  bool receive_now();

  // Writes everything. `pause` is how long the peer may take to make room for a piece of 256 KiB.
  io::Task<Result<>> send(std::string_view bytes, Duration pause, io::Deadline deadline);
  // The same for parts that lie apart; one system call when there is room.
  io::Task<Result<>> send(std::string_view head, std::string_view body, std::string_view tail,
                          Duration pause, io::Deadline deadline);

  // Ends the connection so that what was sent last arrives although the peer is still sending:
  // closing at once would answer with a reset, and a reset overtakes. RFC 9112 §9.6.
  io::Task<void> linger(io::Deadline deadline);

  io::Stream& stream() { return stream_; }

 private:
  friend class BodyReader;
  // Waits for bytes and gives them in a buffer that all connections of this thread share: to be
  // used up before anything else is awaited. Empty at the end of the stream.
  io::Task<Result<std::string_view>> receive_shared(io::Deadline deadline);

  io::Stream stream_;
  std::string input_;
  std::size_t start_ = 0;
};

// Reads one message's body from a connection, RFC 9112 §6 and §7.
class BodyReader {
 public:
  void start(const BodyFraming& framing);
  bool done() const { return done_; }
  // The next piece, at most 64 KiB or so; empty at the end. kClosed when the connection ends first,
  // kProtocol when the body is broken (`error()` says how).
  io::Task<Result<std::string>> read_some(Connection& connection, io::Deadline deadline);
  // Throws away what has arrived already; true if that was all of it.
  bool skip_received(Connection& connection);
  // Bytes that are still to come; 0 when the framing does not say.
  std::uint64_t length_left() const { return left_; }
  const ParseError& error() const { return decoder_.error(); }
  // After the end of a chunked body; empty otherwise.
  Fields trailers() const;

 private:
  // Appends the payload in `bytes` to `out`; gives how many bytes it used.
  Result<std::size_t> take(std::string_view bytes, std::string& out);
  BodyFraming::Kind kind_ = BodyFraming::Kind::kNone;
  std::uint64_t left_ = 0;
  bool done_ = true;
  ChunkedDecoder decoder_;
};

}  // namespace fairlead::http
