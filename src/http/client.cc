#include "http/client.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "http/connection.h"
#include "http/h1_bytes.h"
#include "http/h1_rules.h"
#include "http/h1_writer.h"

namespace fairlead::http {

namespace {

// The client's pace is its deadline's business alone.
constexpr Duration kNoPause = 1h;

std::string_view method_text(const Request& request) {
  return request.method == Method::kOther ? request.method_text : to_string(request.method);
}

// What kind of body the request has, as written in its head.
enum class Upload : std::uint8_t { kWhole, kLength, kChunked };

Result<std::string> write_head(const Request& request, const std::string& host, Upload upload) {
  const std::string_view method = method_text(request);
  if (!is_field_name(method)) return fail(Code::kInvalid, "the method is not a token");
  if (request.target.empty() || !all(request.target, kQuery))
    return fail(Code::kInvalid, "the target holds bytes that need percent-encoding");
  std::string head;
  append_request_line(head, method, request.target);
  if (!request.fields.find("host")) append_field(head, "Host", host);
  for (const auto& [name, value] : request.fields) {
    if (!is_field_name(name) || !is_field_value(value))
      return fail(Code::kInvalid, "a field holds control bytes");
    const FieldId id = field_id(name);
    if (id == FieldId::kConnection || id == FieldId::kTransferEncoding) continue;
    if (id == FieldId::kContentLength && upload != Upload::kLength) continue;
    append_field(head, name, value);
  }
  const bool usual = request.method == Method::kPost || request.method == Method::kPut ||
                     request.method == Method::kPatch;
  if (upload == Upload::kChunked)
    append_field(head, "Transfer-Encoding", "chunked");
  else if (upload == Upload::kWhole && (usual || !request.body.empty()))
    append_field(head, "Content-Length", request.body.size());
  append_head_end(head);
  return head;
}

// Whether nothing has happened on an idle connection: no end, and no bytes nobody asked for.
bool is_quiet(Connection& connection) {
  char byte;
  return connection.input().empty() &&
         ::recv(connection.stream().fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

// A response's head, and what is needed to read its body.
struct Answer {
  Response response;
  BodyReader body;
  bool keep_alive = false;
};

io::Task<Result<Answer>> read_head(Connection& connection, Method method, io::Deadline deadline) {
  HeadParser parser;
  std::size_t scanned = 0;
  for (;;) {
    const auto state = connection.input().empty()
                           ? ParseState::kIncomplete
                           : parser.parse_response(connection.input(), scanned, method);
    if (state == ParseState::kError)
      co_return fail(Code::kProtocol, std::string(parser.error().reason));
    if (state == ParseState::kIncomplete) {
      CO_TRY(const bool more, co_await connection.receive(deadline));
      if (!more) co_return fail(Code::kClosed, "the server closed the connection unanswered");
      continue;
    }
    const ResponseHead& head = parser.response();
    if (head.status >= 200 || head.status == 101) break;
    connection.consume(parser.consumed());  // interim: the answer is still to come
    scanned = 0;
  }
  const ResponseHead& head = parser.response();
  Answer answer;
  answer.response.status = head.status;
  for (const Field& field : head.fields) answer.response.fields.add_copy(field.name, field.value);
  answer.body.start(head.body);
  answer.keep_alive = head.keep_alive && head.status != 101;
  connection.consume(parser.consumed());
  co_return answer;
}

// Sends the body until its end, or until the server answers.
io::Task<Result<>> upload_body(Connection& connection, BodySource& source, bool chunked,
                               io::Deadline deadline) {
  std::string size;
  for (;;) {
    CO_TRY(const std::string piece, co_await source());
    if (connection.receive_now()) co_return Result<>();
    if (piece.empty()) break;
    size.clear();
    if (chunked) append_chunk_size(size, piece.size());
    const auto sent =
        co_await connection.send(size, piece, chunked ? kChunkEnd : "", kNoPause, deadline);
    // The server may have refused the body and closed: then its answer says why.
    if (!sent && sent.error().code() == Code::kClosed) co_return Result<>();
    if (!sent) co_return sent;
  }
  if (!chunked) co_return Result<>();
  co_return co_await connection.send(kLastChunk, kNoPause, deadline);
}

class StreamedBody final : public ResponseBody {
 public:
  StreamedBody(std::unique_ptr<Connection> connection, BodyReader body)
      : connection_(std::move(connection)), body_(std::move(body)) {}
  io::Task<Result<std::string>> read_some(io::Deadline deadline) override {
    return body_.read_some(*connection_, deadline);
  }

 private:
  std::unique_ptr<Connection> connection_;
  BodyReader body_;
};

}  // namespace

struct Client::State {
  io::Task<Result<std::unique_ptr<Connection>>> connect(io::Deadline deadline);
  std::unique_ptr<Connection> take_idle();
  io::Task<Result<Answer>> exchange(Connection& connection, const std::string& head,
                                    const Request& request, io::Deadline deadline);
  // Sends the request over a pooled connection, or a new one if there is none or it is closed.
  struct Asked {
    std::unique_ptr<Connection> connection;
    Answer answer;
  };
  io::Task<Result<Asked>> ask(const Request& request, io::Deadline deadline);
  io::Task<Result<std::string>> read_body(Asked& asked, io::Deadline deadline);
  std::string name(const Request& request) const {
    return fmt::format("{} {}{}", method_text(request), host, request.target);
  }

  io::Loop& loop;
  io::Address address;
  std::string host;
  ClientOptions options;
  std::vector<std::unique_ptr<Connection>> idle;  // the last used at the end
};

io::Task<Result<std::unique_ptr<Connection>>> Client::State::connect(io::Deadline deadline) {
  if (!options.tls) {
    CO_TRY(io::Stream stream, co_await io::connect(loop, address, deadline));
    co_return std::make_unique<Connection>(std::move(stream));
  }
  std::string_view tls_name = host;
  std::uint16_t port = 0;
  if (!parse_authority(host, tls_name, port)) co_return fail(Code::kInvalid, "no host name");
  CO_TRY(io::Stream stream,
         co_await io::connect_tls(loop, address, *options.tls, std::string(tls_name), deadline));
  co_return std::make_unique<Connection>(std::move(stream));
}

std::unique_ptr<Connection> Client::State::take_idle() {
  while (!idle.empty()) {
    auto connection = std::move(idle.back());
    idle.pop_back();
    if (is_quiet(*connection)) return connection;
  }
  return nullptr;
}

io::Task<Result<Answer>> Client::State::exchange(Connection& connection, const std::string& head,
                                                 const Request& request, io::Deadline deadline) {
  const auto sent = co_await connection.send(head, request.body, "", kNoPause, deadline);
  if (!sent && sent.error().code() != Code::kClosed) co_return fail(sent.error());
  co_return co_await read_head(connection, request.method, deadline);
}

io::Task<Result<Client::State::Asked>> Client::State::ask(const Request& request,
                                                          io::Deadline deadline) {
  CO_TRY(const std::string head, write_head(request, host, Upload::kWhole));
  if (auto connection = take_idle()) {
    auto answer = co_await exchange(*connection, head, request, deadline);
    if (answer) co_return Asked{std::move(connection), *std::move(answer)};
    // The server may have closed it while the request was on its way.
    if (answer.error().code() != Code::kClosed || !connection->input().empty() ||
        !is_idempotent(request.method))
      co_return fail(std::move(answer).error().in(name(request)));
  }
  auto connection = co_await connect(deadline);
  if (!connection) co_return fail(std::move(connection).error().in(name(request)));
  auto answer = co_await exchange(**connection, head, request, deadline);
  if (!answer) co_return fail(std::move(answer).error().in(name(request)));
  co_return Asked{*std::move(connection), *std::move(answer)};
}

io::Task<Result<std::string>> Client::State::read_body(Asked& asked, io::Deadline deadline) {
  std::string whole;
  BodyReader& body = asked.answer.body;
  const auto too_large = [&](std::uint64_t size) { return size > options.max_body; };
  while (!body.done() && !too_large(body.length_left())) {
    CO_TRY(std::string piece, co_await body.read_some(*asked.connection, deadline));
    if (whole.empty())
      whole = std::move(piece);
    else
      whole += piece;
    if (too_large(whole.size())) break;
  }
  if (too_large(body.length_left()) || too_large(whole.size()))
    co_return fail(Code::kTooLarge,
                   fmt::format("the response is larger than {}", human_bytes(options.max_body)));
  co_return whole;
}

Client::Client(io::Loop& loop, io::Address address, std::string host, ClientOptions options)
    : state_(new State{loop, address, std::move(host), options, {}}) {}
Client::~Client() = default;

io::Task<Result<Response>> Client::send(Request request, io::Deadline deadline) {
  State& state = *state_;
  CO_TRY(State::Asked asked, co_await state.ask(request, deadline));
  auto body = co_await state.read_body(asked, deadline);
  if (!body) co_return fail(std::move(body).error().in(state.name(request)));
  asked.answer.response.body = *std::move(body);
  if (asked.answer.keep_alive && asked.connection->input().empty() &&
      state.idle.size() < state.options.max_idle)
    state.idle.push_back(std::move(asked.connection));
  co_return std::move(asked.answer.response);
}

io::Task<Result<Client::Streamed>> Client::open(Request request, io::Deadline deadline) {
  CO_TRY(State::Asked asked, co_await state_->ask(request, deadline));
  co_return Streamed{
      std::move(asked.answer.response),
      std::make_unique<StreamedBody>(std::move(asked.connection), std::move(asked.answer.body))};
}

io::Task<Result<Client::Streamed>> Client::open(Request request, BodySource body,
                                                io::Deadline deadline) {
  State& state = *state_;
  const bool chunked = !request.fields.find("content-length");
  CO_TRY(const std::string head,
         write_head(request, state.host, chunked ? Upload::kChunked : Upload::kLength));
  auto connection = co_await state.connect(deadline);
  if (!connection) co_return fail(std::move(connection).error().in(state.name(request)));
  CO_TRY_VOID(co_await (*connection)->send(head, kNoPause, deadline));
  CO_TRY_VOID(co_await upload_body(**connection, body, chunked, deadline));
  auto answer = co_await read_head(**connection, request.method, deadline);
  if (!answer) co_return fail(std::move(answer).error().in(state.name(request)));
  co_return Streamed{
      std::move(answer->response),
      std::make_unique<StreamedBody>(*std::move(connection), std::move(answer->body))};
}

}  // namespace fairlead::http
