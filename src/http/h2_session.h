// One HTTP/2 connection (RFC 9113) without I/O: bytes in, calls out, bytes out. Frames, HPACK and
// the states of streams are nghttp2's; here is what a proxy wants of them, and what it refuses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http/h1_parser.h"
#include "http/h2_head_text.h"
#include "io/sync.h"

struct nghttp2_session;

namespace fairlead::http {

class H2Session;

enum class H2Error : std::uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kClosed = 5,   // a frame on a stream that is over
  kRefused = 7,  // nothing was done with the stream
  kCancel = 8,
  kCalm = 11,  // "enhance your calm": the peer asks too much
};

// What a connection may cost. docs/limits.md tells these to users.
struct H2Limits {
  std::size_t max_head = 32 << 10;  // a head as text
  std::uint32_t max_streams = 100;  // that the peer may have open
  std::uint32_t stream_window = 64 << 10;
  std::uint32_t connection_window = 1 << 20;
  // Streams that the peer opens in vain (it resets them, or they are malformed), and frames that
  // carry nothing (SETTINGS, PING, PRIORITY, CONTINUATION, unknown, empty DATA): so many at once,
  // and so many each second.
  std::uint32_t reset_burst = 200;
  std::uint32_t resets_per_second = 50;
  std::uint32_t frame_burst = 1000;
  std::uint32_t frames_per_second = 200;
};

// Why a session was ended by us.
enum class H2Abuse : std::uint8_t { kResets, kFrames, kHead };

// One stream, as who uses it sees it. The session knows it from open() (or Owner::new_stream()) to
// on_closed(), which is the last call. Sending is by the session's calls.
class H2Stream {
 public:
  H2Stream() { room_.stream = this; }
  H2Stream(const H2Stream&) = delete;

  // Bytes given to send_body() that are not yet in a frame.
  std::size_t queued() const { return queue_.size() - taken_; }
  // Bytes that went into frames so far.
  std::uint64_t framed() const { return framed_; }
  std::int32_t id() const { return id_; }

 protected:
  ~H2Stream() = default;
  // Makes it as new, for another stream.
  void reset_stream();

 private:
  friend class H2Session;
  // A request's head; or a response's, which may be interim. `head` lives as long as the call.
  virtual void on_head(const H2HeadText& head, bool whole) = 0;
  // What is done with must be given to H2Session::consumed(), or the peer will send no more.
  virtual void on_body(std::string_view data) = 0;
  // The peer's side is whole. `trailers` as ChunkedDecoder gives them.
  virtual void on_end(std::string_view trailers) = 0;
  // All that was queued is in frames.
  virtual void on_room() = 0;
  virtual void on_closed(H2Error code) = 0;

  std::int32_t id_ = -1;
  bool head_done_ = false;  // the final head has come
  bool peer_done_ = false;  // the peer has ended or reset it
  bool ended_ = false;      // send_body() has said so
  bool waiting_ = false;    // nghttp2 found nothing to send
  std::uint64_t framed_ = 0;
  std::size_t taken_ = 0;  // of queue_
  std::string queue_;
  std::string trailers_;
  struct Room : io::Link {
    H2Stream* stream = nullptr;
  } room_;  // among those to be told of room
};

class H2Session {
 public:
  enum class Role : std::uint8_t { kServer, kClient };
  class Owner {
   public:
    // The peer begins a stream (server only).
    virtual H2Stream& new_stream() = 0;
    virtual void on_abuse(H2Abuse abuse) = 0;

   protected:
    ~Owner() = default;
  };

  H2Session(Role role, const H2Limits& limits, Owner& owner);
  ~H2Session();  // streams that are open are told nothing
  H2Session(const H2Session&) = delete;

  // Calls streams and owner. Whatever happens, produce() has the answer.
  void receive(std::string_view bytes, Instant now);
  // Appends frames to `out` until it holds about `limit` bytes or there is no more to say.
  void produce(std::string& out, std::size_t limit);
  bool has_output() const;
  // Neither side has more to say: close the connection once the output is sent.
  bool over() const;
  std::size_t streams() const { return streams_; }
  // The peer is in the middle of a head.
  bool in_head() const { return in_head_; }

  // Says that no new streams should be begun; those that are on their way are still taken.
  void announce_end();
  // Takes no more streams; those that run go on.
  void end(H2Error code = H2Error::kNone);

  // ---- streams; all of it is sent by the next produce()
  // Client only. Whether one stream more than so many may be opened.
  bool has_room(std::size_t streams) const;
  // Client only. False if the session takes no more streams.
  bool open(H2Stream& stream, const RequestHead& request, std::string_view scheme, bool whole);
  // Server only. Fields as they are to be sent, names in any case. `whole`: no body follows. May
  // be called with 1xx before.
  void respond(H2Stream& stream, std::uint16_t status, std::span<const Field> fields, bool whole);
  void send_body(H2Stream& stream, std::string_view data, bool end, std::string_view trailers);
  void consumed(const H2Stream& stream, std::size_t bytes);
  // Forgets what is queued. on_closed() follows.
  void reset(H2Stream& stream, H2Error code);

 private:
  struct Callbacks;
  friend struct Callbacks;
  // So much at once, then so much each second.
  struct Budget {
    std::uint32_t burst, per_second;
    Instant full_again{};
    bool spend(Instant now);
  };
  // Which of the last streams the peer has begun, and which it is done with: nghttp2 forgets them,
  // but what comes for them late is an error, and which one depends on it (RFC 9113 §5.1).
  class PastStreams {
   public:
    void begun(std::int32_t id);
    void done(std::int32_t id) { done_ |= bit(id); }
    bool knows(std::int32_t id) const { return id <= last_ && bit(id) != 0; }
    bool was_begun(std::int32_t id) const { return begun_ & bit(id); }
    bool is_done(std::int32_t id) const { return done_ & bit(id); }

   private:
    std::uint64_t bit(std::int32_t id) const {
      const auto age = static_cast<std::uint32_t>(last_ - id) / 2;
      return age < 64 ? std::uint64_t{1} << age : 0;
    }
    std::int32_t last_ = -1;
    std::uint64_t begun_ = 0, done_ = 0;
  };
  // Finds the heads of frames in what comes.
  struct FrameHeads {
    std::size_t skip;  // to the next head
    std::size_t have = 0;
    std::array<unsigned char, 9> head{};

    // Of the head that was found last.
    std::uint8_t type() const { return head[3]; }
    bool carries() const;
    std::int32_t stream() const;
    // Moves `at` behind the next head and gives true, or to the end of the bytes.
    bool next(std::string_view bytes, std::size_t& at);
  };
  void feed(std::string_view bytes);
  void abused(H2Abuse abuse);
  // Ends the session with an error and listens no more.
  int break_off(H2Error code);
  int go_on() const;

  const Role role_;
  const std::size_t max_head_;
  Owner& owner_;
  nghttp2_session* session_ = nullptr;
  H2HeadText head_;
  Budget resets_, frames_;
  PastStreams past_;
  FrameHeads heads_;
  Instant now_{};
  std::size_t streams_ = 0;
  std::string* out_ = nullptr;  // while producing
  std::size_t out_limit_ = 0;
  io::Link roomy_;
  bool in_head_ = false;
  bool deaf_ = false;    // nothing that comes is looked at any more
  bool broken_ = false;  // nothing more can be sent
  bool broken_off_ = false;
};

}  // namespace fairlead::http
