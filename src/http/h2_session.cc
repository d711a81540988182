#include "http/h2_session.h"

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstring>
#include <new>

#include "http/h1_writer.h"

namespace fairlead::http {

namespace {

// Nobody's head unpacks to so many times what is allowed but who wants to make us work.
constexpr std::size_t kBombFactor = 4;
constexpr std::size_t kMaxSentFields = HeadParser::kMaxFields + 8;

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::string_view view_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

// The fields of one head as nghttp2 takes them; it copies them, and makes names lower case.
class FieldList {
 public:
  void add(std::string_view name, std::string_view value) {
    if (size_ == list_.size()) return;
    list_[size_++] = {const_cast<std::uint8_t*>(bytes_of(name)),
                      const_cast<std::uint8_t*>(bytes_of(value)), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE};
  }
  const nghttp2_nv* data() const { return list_.data(); }
  std::size_t size() const { return size_; }

 private:
  std::array<nghttp2_nv, kMaxSentFields> list_;
  std::size_t size_ = 0;
};

// "name: value\r\n" each.
void add_trailers(FieldList& list, std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(':');
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    list.add(line.substr(0, colon),
             value == std::string_view::npos ? std::string_view() : line.substr(value));
    lines.remove_prefix(end + 2);
  }
}

}  // namespace

// What nghttp2 calls. Negative results end the session.
struct H2Session::Callbacks {
  static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }
  static H2Stream* stream(nghttp2_session* session, std::int32_t id) {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  // ---- receiving

  static int on_begin_frame(nghttp2_session* nghttp2, const nghttp2_frame_hd* head, void* user) {
    H2Session& session = self(user);
    if (head->type != NGHTTP2_CONTINUATION) session.in_head_ = false;
    const std::int32_t id = head->stream_id;
    if (head->type == NGHTTP2_HEADERS && session.past_.knows(id) &&
        !Callbacks::stream(nghttp2, id)) {
      if (!session.past_.was_begun(id)) return session.break_off(H2Error::kProtocol);
      if (session.past_.is_done(id)) return session.break_off(H2Error::kClosed);
    }
    return session.go_on();
  }

  static int on_begin_headers(nghttp2_session* nghttp2, const nghttp2_frame* frame, void* user) {
    H2Session& session = self(user);
    const std::int32_t id = frame->hd.stream_id;
    H2Stream* stream = Callbacks::stream(nghttp2, id);
    if (!stream && session.role_ == Role::kServer && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      stream = &session.owner_.new_stream();
      stream->id_ = id;
      ++session.streams_;
      session.past_.begun(id);
      nghttp2_session_set_stream_user_data(nghttp2, id, stream);
    }
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    using Kind = H2HeadText::Kind;
    const Kind kind = stream->head_done_               ? Kind::kTrailers
                      : session.role_ == Role::kServer ? Kind::kRequest
                                                       : Kind::kResponse;
    session.head_.begin(kind, session.max_head_);
    session.in_head_ = true;
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t, void* user) {
    H2Session& session = self(user);
    session.head_.add(view_of(name), view_of(value));
    if (session.head_.decoded() > kBombFactor * session.max_head_) session.abused(H2Abuse::kHead);
    return session.go_on();
  }

  static int on_data(nghttp2_session* nghttp2, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void*) {
    H2Stream* stream = Callbacks::stream(nghttp2, id);
    if (!stream) return nghttp2_session_consume(nghttp2, id, size);
    stream->on_body({reinterpret_cast<const char*>(data), size});
    return 0;
  }

  static int on_frame(nghttp2_session* nghttp2, const nghttp2_frame* frame, void* user) {
    H2Session& session = self(user);
    if (frame->hd.type == NGHTTP2_HEADERS) session.in_head_ = false;
    H2Stream* stream =
        frame->hd.stream_id == 0 ? nullptr : Callbacks::stream(nghttp2, frame->hd.stream_id);
    if (!stream) return 0;
    const bool whole = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (whole || frame->hd.type == NGHTTP2_RST_STREAM) stream->peer_done_ = true;
    switch (frame->hd.type) {
      case NGHTTP2_RST_STREAM:
        if (session.role_ == Role::kServer && !session.resets_.spend(session.now_)) {
          session.abused(H2Abuse::kResets);
        }
        return session.go_on();
      case NGHTTP2_DATA:
        if (whole) stream->on_end({});
        return 0;
      case NGHTTP2_HEADERS:
        take_head(session, *stream, whole);
        return 0;
      default:
        return 0;
    }
  }

  static void take_head(H2Session& session, H2Stream& stream, bool whole) {
    H2HeadText& head = session.head_;
    head.finish(whole);
    if (head.kind() != H2HeadText::Kind::kTrailers) {
      const bool interim =
          head.kind() == H2HeadText::Kind::kResponse && head.text().starts_with("HTTP/1.1 1");
      stream.head_done_ = !interim;
      stream.on_head(head, whole);
    } else {
      ChunkedDecoder decoder;
      const bool fine =
          head.error().status == 0 && decoder.decode(head.text()).state == ParseState::kComplete;
      if (fine) {
        stream.on_end(decoder.trailers());
      } else {
        session.reset(stream, H2Error::kProtocol);
      }
    }
    head.forget();
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) self(user).in_head_ = false;
    return 0;
  }

  static int on_close(nghttp2_session* nghttp2, std::int32_t id, std::uint32_t code, void* user) {
    H2Stream* stream = Callbacks::stream(nghttp2, id);
    if (!stream) return 0;
    --self(user).streams_;
    if (stream->peer_done_) self(user).past_.done(id);
    stream->room_.unlink();
    stream->on_closed(static_cast<H2Error>(code));
    return 0;
  }

  // ---- sending

  static ssize_t read_body(nghttp2_session* nghttp2, std::int32_t id, std::uint8_t*,
                           std::size_t length, std::uint32_t* flags, nghttp2_data_source* source,
                           void*) {
    H2Stream& stream = *static_cast<H2Stream*>(source->ptr);
    const std::size_t left = stream.queued();
    if (left == 0 && !stream.ended_) {
      stream.waiting_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (left > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left <= length && stream.ended_) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream.trailers_.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        FieldList list;
        add_trailers(list, stream.trailers_);
        nghttp2_submit_trailer(nghttp2, id, list.data(), list.size());
      }
    }
    return static_cast<ssize_t>(std::min(left, length));
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head,
                       std::size_t length, nghttp2_data_source* source, void* user) {
    constexpr std::size_t kFrameHead = 9;
    H2Session& session = self(user);
    H2Stream& stream = *static_cast<H2Stream*>(source->ptr);
    if (session.out_->size() >= session.out_limit_) return NGHTTP2_ERR_WOULDBLOCK;
    session.out_->append(reinterpret_cast<const char*>(frame_head), kFrameHead);
    session.out_->append(stream.queue_, stream.taken_, length);
    stream.taken_ += length;
    stream.framed_ += length;
    if (stream.queued() == 0) {
      stream.queue_.clear();
      stream.taken_ = 0;
      if (!stream.ended_) stream.room_.insert_before(session.roomy_);
    }
    return 0;
  }

  static int on_sent(nghttp2_session* nghttp2, const nghttp2_frame* frame, void* user) {
    H2Session& session = self(user);
    if (session.role_ != Role::kServer) return 0;
    const bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    const std::int32_t id = frame->hd.stream_id;
    if (ends && nghttp2_session_get_stream_remote_close(nghttp2, id) == 0) {
      // Who has the whole answer need not send the rest of his request (RFC 9113 §8.1).
      nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    }
    const bool their_fault = frame->hd.type == NGHTTP2_RST_STREAM &&
                             frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
                             frame->rst_stream.error_code != NGHTTP2_INTERNAL_ERROR &&
                             frame->rst_stream.error_code != NGHTTP2_CANCEL;
    if (their_fault && !session.resets_.spend(session.now_)) session.abused(H2Abuse::kResets);
    return 0;
  }

  static nghttp2_session_callbacks* all() {
    static nghttp2_session_callbacks* const callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_frame_callback(made, on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(made, on_header);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, on_invalid_frame);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, on_close);
      nghttp2_session_callbacks_set_send_data_callback(made, send_data);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, on_sent);
      return made;
    }();
    return callbacks;
  }

  static nghttp2_option* options() {
    static nghttp2_option* const options = [] {
      nghttp2_option* made = nullptr;
      if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
      nghttp2_option_set_no_auto_window_update(made, 1);
      nghttp2_option_set_no_closed_streams(made, 1);
      return made;
    }();
    return options;
  }
};

// ---- the session

bool H2Session::Budget::spend(Instant now) {
  const Duration each = Duration(std::chrono::seconds(1)) / per_second;
  full_again = std::max(full_again, now) + each;
  return full_again - now <= each * burst;
}

H2Session::H2Session(Role role, const H2Limits& limits, Owner& owner)
    : role_(role),
      max_head_(limits.max_head),
      owner_(owner),
      resets_{limits.reset_burst, limits.resets_per_second},
      frames_{limits.frame_burst, limits.frames_per_second},
      heads_{.skip = role == Role::kServer ? std::size_t{NGHTTP2_CLIENT_MAGIC_LEN} : 0} {
  const bool server = role == Role::kServer;
  const int made =
      server ? nghttp2_session_server_new2(&session_, Callbacks::all(), this, Callbacks::options())
             : nghttp2_session_client_new2(&session_, Callbacks::all(), this, Callbacks::options());
  if (made != 0) throw std::bad_alloc();
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.max_head)},
      {server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH,
       server ? limits.max_streams : 0},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), server ? 4 : 3);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.connection_window));
}

H2Session::~H2Session() {
  while (roomy_.linked()) roomy_.next->unlink();
  nghttp2_session_del(session_);
}

void H2Session::receive(std::string_view bytes, Instant now) {
  now_ = now;
  std::size_t fed = 0, at = 0;
  while (!deaf_) {
    const std::size_t partial = heads_.have;
    const bool found = heads_.next(bytes, at);
    if (!found) return feed(bytes.substr(fed));
    if (!heads_.carries() && !frames_.spend(now)) {
      abused(H2Abuse::kFrames);
      deaf_ = true;
      return;
    }
    if (heads_.type() != NGHTTP2_DATA) continue;
    // nghttp2 passes over DATA for a stream that it has forgotten, and does not tell.
    const std::size_t before = at - std::min(at, heads_.head.size() - partial);
    feed(bytes.substr(fed, before - fed));
    fed = before;
    const std::int32_t id = heads_.stream();
    if (past_.knows(id) && past_.is_done(id) && !Callbacks::stream(session_, id)) {
      break_off(H2Error::kClosed);
      deaf_ = true;
    }
  }
}

void H2Session::feed(std::string_view bytes) {
  if (deaf_ || bytes.empty()) return;
  if (nghttp2_session_mem_recv(session_, bytes_of(bytes), bytes.size()) >= 0) return;
  deaf_ = true;
  if (!broken_off_) end(H2Error::kProtocol);
}

void H2Session::produce(std::string& out, std::size_t limit) {
  out_ = &out;
  out_limit_ = limit;
  while (out.size() < limit) {
    const std::uint8_t* frames = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frames);
    if (size < 0) broken_ = true;
    if (size <= 0) break;
    out.append(reinterpret_cast<const char*>(frames), static_cast<std::size_t>(size));
  }
  out_ = nullptr;
  while (roomy_.linked()) {
    H2Stream& stream = *static_cast<H2Stream::Room*>(roomy_.next)->stream;
    stream.room_.unlink();
    stream.on_room();
  }
}

bool H2Session::has_output() const { return !broken_ && nghttp2_session_want_write(session_) != 0; }

bool H2Session::over() const {
  return broken_ || ((deaf_ || nghttp2_session_want_read(session_) == 0) &&
                     nghttp2_session_want_write(session_) == 0);
}

void H2Session::announce_end() { nghttp2_submit_shutdown_notice(session_); }

void H2Session::end(H2Error code) {
  if (code != H2Error::kNone) {
    nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code));
    return;
  }
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

bool H2Session::FrameHeads::next(std::string_view bytes, std::size_t& at) {
  const std::size_t skipped = std::min(skip, bytes.size() - at);
  skip -= skipped;
  at += skipped;
  const std::size_t taken = std::min(head.size() - have, bytes.size() - at);
  std::memcpy(head.data() + have, bytes.data() + at, taken);
  have += taken;
  at += taken;
  if (have < head.size()) return false;
  have = 0;
  skip = std::size_t{head[0]} << 16 | std::size_t{head[1]} << 8 | head[2];
  return true;
}

// A request, its body, or credit for a response's.
bool H2Session::FrameHeads::carries() const {
  const bool ends = head[4] & NGHTTP2_FLAG_END_STREAM;
  return type() == NGHTTP2_HEADERS || type() == NGHTTP2_WINDOW_UPDATE ||
         (type() == NGHTTP2_DATA && (skip > 0 || ends));
}

std::int32_t H2Session::FrameHeads::stream() const {
  return (head[5] & 0x7f) << 24 | head[6] << 16 | head[7] << 8 | head[8];
}

int H2Session::go_on() const { return broken_off_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }

void H2Session::abused(H2Abuse abuse) {
  if (broken_off_) return;
  break_off(H2Error::kCalm);
  owner_.on_abuse(abuse);
}

int H2Session::break_off(H2Error code) {
  if (!std::exchange(broken_off_, true)) end(code);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void H2Session::PastStreams::begun(std::int32_t id) {
  const auto by = static_cast<std::uint32_t>(id - last_) / 2;
  begun_ = by < 64 ? begun_ << by : 0;
  done_ = by < 64 ? done_ << by : 0;
  last_ = id;
  begun_ |= 1;
}

// ---- streams

void H2Stream::reset_stream() {
  id_ = -1;
  head_done_ = peer_done_ = ended_ = waiting_ = false;
  framed_ = 0;
  taken_ = 0;
  queue_.clear();
  trailers_.clear();
}

bool H2Session::has_room(std::size_t streams) const {
  return !broken_ && !broken_off_ && nghttp2_session_check_request_allowed(session_) != 0 &&
         streams <
             nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Session::open(H2Stream& stream, const RequestHead& request, std::string_view scheme,
                     bool whole) {
  if (!nghttp2_session_check_request_allowed(session_)) return false;
  FieldList list;
  list.add(":method", request.method_text);
  list.add(":scheme", scheme);
  const Field* host = request.find(FieldId::kHost);
  if (host) list.add(":authority", host->value);
  list.add(":path", request.target);
  for (const Field& field : request.fields) {
    const bool passes = field.id != FieldId::kHost && !is_hop_by_hop(field, {});
    if (passes) list.add(field.name, field.value);
  }
  list.add("te", "trailers");  // we pass them on; gRPC insists on it
  const nghttp2_data_provider provider{{.ptr = &stream}, Callbacks::read_body};
  stream.id_ = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                      whole ? nullptr : &provider, &stream);
  if (stream.id_ < 0) return false;
  ++streams_;
  return true;
}

void H2Session::respond(H2Stream& stream, std::uint16_t status, std::span<const Field> fields,
                        bool whole) {
  const std::array<char, 3> digits = {static_cast<char>('0' + status / 100),
                                      static_cast<char>('0' + status / 10 % 10),
                                      static_cast<char>('0' + status % 10)};
  FieldList list;
  list.add(":status", {digits.data(), digits.size()});
  for (const Field& field : fields) list.add(field.name, field.value);
  if (status < 200) {
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, list.data(),
                           list.size(), nullptr);
    return;
  }
  const nghttp2_data_provider provider{{.ptr = &stream}, Callbacks::read_body};
  nghttp2_submit_response(session_, stream.id_, list.data(), list.size(),
                          whole ? nullptr : &provider);
}

void H2Session::send_body(H2Stream& stream, std::string_view data, bool end,
                          std::string_view trailers) {
  stream.queue_.append(data);
  if (end) {
    stream.ended_ = true;
    stream.trailers_ = trailers;
  }
  if (stream.waiting_ && (end || !data.empty())) {
    stream.waiting_ = false;
    nghttp2_session_resume_data(session_, stream.id_);
  }
}

void H2Session::consumed(const H2Stream& stream, std::size_t bytes) {
  nghttp2_session_consume(session_, stream.id_, bytes);
}

void H2Session::reset(H2Stream& stream, H2Error code) {
  stream.queue_.clear();
  stream.taken_ = 0;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_,
                            static_cast<std::uint32_t>(code));
}

}  // namespace fairlead::http
