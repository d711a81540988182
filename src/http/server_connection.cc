#include "http/server_connection.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "http/h1_bytes.h"
#include "http/h1_writer.h"

namespace fairlead::http {

namespace {

// A body up to this size is copied behind its head; a larger one is gathered by the kernel.
constexpr std::size_t kCopiedBody = 16 << 10;
constexpr std::size_t kKeptOutput = 4 << 10;
constexpr std::size_t kMaxRequestId = 128;

bool never_has_body(std::uint16_t status) { return status < 200 || status == 204 || status == 304; }

constexpr std::uint64_t kUnknownLength = UINT64_MAX;

// Fields about the message's form and the connection, which the server writes itself.
bool is_servers_own(FieldId id) {
  return id == FieldId::kConnection || id == FieldId::kContentLength ||
         id == FieldId::kTransferEncoding || id == FieldId::kKeepAlive || id == FieldId::kDate;
}

bool is_sound(const Fields& fields) {
  for (const auto& [name, value] : fields)
    if (!is_field_name(name) || !is_field_value(value)) return false;
  return true;
}

std::optional<std::uint64_t> announced_length(const Fields& fields) {
  const std::string* length = fields.find("content-length");
  return length ? parse_unsigned(*length) : std::nullopt;
}

void append_lines(std::string& out, const Fields& fields) {
  for (const auto& [name, value] : fields)
    if (!is_servers_own(field_id(name))) append_field(out, name, value);
}

}  // namespace

// ---- ServerContext

std::string_view ServerContext::date() {
  if (loop.now() >= date_until_) {
    const WallTime time = wall_now();
    date_ = http_date(time);
    date_until_ = fairlead::now() + (std::chrono::floor<std::chrono::seconds>(time) + 1s - time);
  }
  return date_;
}

void ServerContext::make_id(std::string& id) {
  // An odd step visits every number before one comes again, in no visible order.
  std::uint64_t number = next_id_ += 0x9e3779b97f4a7c15;
  id.resize(16);
  for (char& digit : id) {
    digit = "0123456789abcdef"[number & 15];
    number >>= 4;
  }
}

// ---- reading requests

ServerConnection::ServerConnection(ServerContext& context, io::Stream stream)
    : context_(context), connection_(std::move(stream)) {
  const io::Address& address = connection_.stream().peer();
  peer_ = address.is_unix() ? "unix:" : address.host();
  ucred peer{};
  socklen_t size = sizeof peer;
  if (address.is_unix() &&
      ::getsockopt(connection_.stream().fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
    peer_uid_ = peer.uid;
}

io::Task<void> ServerConnection::serve() {
  while (co_await next_request()) {
    co_await context_.handler(*this);
    if (!co_await settle()) break;
  }
}

io::Task<bool> ServerConnection::next_request() {
  request.method = Method::kOther;
  std::size_t scanned = 0;
  // Set with a head's first byte.
  std::optional<io::Deadline> head_deadline;
  for (;;) {
    if (!connection_.input().empty()) {
      switch (context_.parser.parse_request(connection_.input(), scanned)) {
        case ParseState::kComplete: {
          const bool valid = fill_request(context_.parser.request());
          connection_.consume(context_.parser.consumed());
          if (valid) co_return true;
          co_await refuse(400, "the path is not properly percent-encoded");
          co_return false;
        }
        case ParseState::kError:
          co_await refuse(context_.parser.error().status, context_.parser.error().reason);
          co_return false;
        case ParseState::kIncomplete:
          if (!head_deadline) head_deadline = deadline().within(context_.options.head_timeout);
      }
    }
    const auto received = co_await connection_.receive(
        head_deadline ? *head_deadline
                      : io::Deadline::in(context_.options.idle_timeout).or_when(context_.stopping));
    if (received && *received) continue;
    if (received || !head_deadline) {
      // Ended or idle for long. Told to stop: a request that is there already is still answered.
      if (!received && received.error().code() == Code::kCancelled && connection_.receive_now())
        continue;
      co_return false;
    }
    if (received.error().code() == Code::kTimeout)
      co_await refuse(408, "the request head took too long");
    co_return false;
  }
}

bool ServerConnection::fill_request(const RequestHead& head) {
  phase_ = Phase::kWaiting;
  status_ = 0;
  keep_alive_ = head.keep_alive;
  old_client_ = head.minor_version == 0;
  continue_owed_ = head.expect_continue;
  read_failure_ = 0;
  trailers_.clear();
  body_.start(head.body);

  request.method = head.method;
  request.method_text.assign(head.method_text);
  request.target.assign(head.target);
  request.query.assign(head.query);
  request.host.assign(head.host);
  for (char& c : request.host) c = ascii_lower(c);
  request.fields.clear();
  const Field* id = nullptr;
  for (const Field& field : head.fields) {
    request.fields.add_copy(field.name, field.value);
    if (field.id == FieldId::kXRequestId) id = &field;
  }
  request.body.clear();
  request.peer.assign(peer_);
  request.peer_uid = peer_uid_;
  if (id && !id->value.empty() && id->value.size() <= kMaxRequestId && all(id->value, kToken))
    request.id.assign(id->value);
  else
    context_.make_id(request.id);

  if (head.path.find('%') == std::string_view::npos) {
    request.path.assign(head.path);
    return true;
  }
  auto path = percent_decode(head.path);
  if (!path) return false;
  request.path = *std::move(path);
  return true;
}

io::Task<Result<std::string>> ServerConnection::read_some() {
  if (std::exchange(continue_owed_, false) && !responded() && connection_.input().empty()) {
    CO_TRY_VOID(co_await connection_.send("HTTP/1.1 100 Continue\r\n\r\n",
                                          context_.options.write_timeout, deadline()));
  }
  auto piece =
      co_await body_.read_some(connection_, deadline().within(context_.options.body_timeout));
  if (!piece) {
    const Code code = piece.error().code();
    read_failure_ = code == Code::kProtocol  ? body_.error().status
                    : code == Code::kTimeout ? 408
                                             : 0;
    read_failure_reason_ = piece.error().message();
    keep_alive_ = false;
    if (read_failure_ == 0) phase_ = Phase::kBroken;  // nobody is there to be told
  } else if (piece->empty()) {
    trailers_ = body_.trailers();
  }
  co_return piece;
}

io::Task<Result<std::string>> ServerConnection::read_body() {
  std::string whole;
  const std::uint64_t limit = context_.options.max_body;
  bool too_large = body_.length_left() > limit;
  while (!too_large && !body_.done()) {
    CO_TRY(std::string piece, co_await read_some());
    if (whole.empty())
      whole = std::move(piece);
    else
      whole += piece;
    too_large = whole.size() > limit;
  }
  if (!too_large) {
    trailers_ = body_.trailers();
    co_return whole;
  }
  read_failure_ = 413;
  read_failure_reason_ = fmt::format("the body is larger than {}", human_bytes(limit));
  keep_alive_ = false;
  co_return fail(Code::kTooLarge, read_failure_reason_);
}

// ---- answering

Result<> ServerConnection::may_answer() const {
  if (phase_ == Phase::kWaiting) return {};
  if (phase_ == Phase::kBroken)
    return fail(Code::kClosed, "the connection ended before the answer");
  return fail(Code::kInternal, "responded twice");
}

bool ServerConnection::sends_body(std::uint16_t status) const {
  return request.method != Method::kHead && !never_has_body(status);
}

// The status line and all fields but those about the body's form, and not the end.
void ServerConnection::append_head(const Response& response) {
  status_ = response.status;
  append_status_line(out_, response.status);
  append_field(out_, "Date", context_.date());
  append_lines(out_, response.fields);
  if (context_.stopping.requested()) keep_alive_ = false;
  if (!keep_alive_)
    append_field(out_, "Connection", "close");
  else if (old_client_)
    append_field(out_, "Connection", "keep-alive");
}

io::Task<Result<>> ServerConnection::respond(Response response) {
  CO_TRY_VOID(may_answer());
  phase_ = Phase::kDone;
  const bool sound = is_sound(response.fields);
  if (!sound) response = Response::problem(500, "Internal Server Error");
  // A body nobody wanted: what is still to come of it is not worth waiting for.
  if (!body_.skip_received(connection_)) keep_alive_ = false;

  out_.clear();
  append_head(response);
  if (!never_has_body(response.status)) {
    // The answer to HEAD may say how long the body would be without having made it.
    const auto announced = request.method == Method::kHead && response.body.empty()
                               ? announced_length(response.fields)
                               : std::nullopt;
    append_field(out_, "Content-Length", announced.value_or(response.body.size()));
  }
  append_head_end(out_);
  if (!sends_body(response.status)) response.body.clear();

  const bool copied = response.body.size() <= kCopiedBody;
  if (copied) out_ += response.body;
  const Result<> sent =
      copied ? co_await connection_.send(out_, context_.options.write_timeout, deadline())
             : co_await connection_.send(out_, response.body, "", context_.options.write_timeout,
                                         deadline());
  if (out_.capacity() > kKeptOutput) std::string().swap(out_);
  if (!sent) {
    phase_ = Phase::kBroken;
    co_return sent;
  }
  if (!sound) co_return fail(Code::kInvalid, "a response field holds control bytes");
  co_return Result<>();
}

io::Task<Result<>> ServerConnection::start(Response head) {
  CO_TRY_VOID(may_answer());
  if (!is_sound(head.fields)) co_return co_await respond(std::move(head));
  phase_ = Phase::kStreaming;
  chunked_ = false;
  const auto announced = announced_length(head.fields);
  length_left_ = announced.value_or(0);
  const bool has_body = sends_body(head.status);
  if (has_body && !announced) {
    // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
    chunked_ = !old_client_;
    if (old_client_) keep_alive_ = false;
    length_left_ = kUnknownLength;
  }
  out_.clear();
  append_head(head);
  if (announced && (has_body || request.method == Method::kHead))
    append_field(out_, "Content-Length", *announced);
  else if (chunked_)
    append_field(out_, "Transfer-Encoding", "chunked");
  append_head_end(out_);
  const std::string first = std::move(head.body);
  const Result<> sent = co_await connection_.send(out_, context_.options.write_timeout, deadline());
  if (!sent) {
    phase_ = Phase::kBroken;
    co_return sent;
  }
  co_return co_await write(first);
}

io::Task<Result<>> ServerConnection::write(std::string_view bytes) {
  if (phase_ != Phase::kStreaming) co_return fail(Code::kInternal, "write() outside of a stream");
  if (bytes.empty() || request.method == Method::kHead) co_return Result<>();
  if (bytes.size() > length_left_) {
    phase_ = Phase::kBroken;
    co_return fail(Code::kInternal, "more bytes written than Content-Length says");
  }
  if (length_left_ != kUnknownLength) length_left_ -= bytes.size();
  out_.clear();
  if (chunked_) append_chunk_size(out_, bytes.size());
  const Result<> sent = co_await connection_.send(out_, bytes, chunked_ ? kChunkEnd : "",
                                                  context_.options.write_timeout, deadline());
  if (!sent) phase_ = Phase::kBroken;
  co_return sent;
}

io::Task<Result<>> ServerConnection::finish(Fields trailers) {
  if (phase_ != Phase::kStreaming) co_return fail(Code::kInternal, "finish() outside of a stream");
  phase_ = Phase::kDone;
  if (request.method == Method::kHead) co_return Result<>();
  Result<> sent;
  if (chunked_) {
    out_.assign("0\r\n");
    if (is_sound(trailers)) append_lines(out_, trailers);
    append_head_end(out_);
    sent = co_await connection_.send(out_, context_.options.write_timeout, deadline());
  } else if (length_left_ != 0 && length_left_ != kUnknownLength) {
    sent = fail(Code::kInternal, "fewer bytes written than Content-Length says");
  }
  if (!sent) phase_ = Phase::kBroken;
  co_return sent;
}

io::Task<bool> ServerConnection::settle() {
  if (phase_ == Phase::kWaiting) {
    if (read_failure_ != 0)
      co_await refuse(read_failure_, read_failure_reason_);
    else
      co_await respond(Response::problem(500, "Internal Server Error"));
  }
  if (phase_ != Phase::kDone) co_return false;  // cut off, so that the client notices
  const bool whole = body_.skip_received(connection_);
  if (whole && keep_alive_) co_return true;
  // What the client sends on in vain must not cost it the answer.
  if (!whole || !connection_.input().empty() || connection_.receive_now())
    co_await connection_.linger(deadline());
  co_return false;
}

// Tells the client what was wrong, and ends the connection.
io::Task<void> ServerConnection::refuse(std::uint16_t status, std::string_view reason) {
  phase_ = Phase::kBroken;
  keep_alive_ = false;
  const Response problem = Response::problem(status, reason_phrase(status), reason);
  out_.clear();
  append_head(problem);
  append_field(out_, "Content-Length", problem.body.size());
  append_head_end(out_);
  if (request.method != Method::kHead) out_ += problem.body;
  if (co_await connection_.send(out_, context_.options.write_timeout, deadline()))
    co_await connection_.linger(deadline());
}

}  // namespace fairlead::http
