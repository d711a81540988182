#include "http/client.h"

#include "http/server_fixture.h"
#include "io/tls.h"

namespace fairlead::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Request get(std::string target) {
  Request request;
  request.target = std::move(target);
  return request;
}

class ClientTest : public ServerTest {
 protected:
  // An origin that is not ours: answers each connection with the next of these texts after having
  // read a head, then closes it (or, "hold", waits until the client does).
  void start_raw(std::vector<std::string> answers) {
    listener_ = std::make_unique<io::Listener>(
        *loop_, io::listen(io::Address::parse("127.0.0.1:0").value()).value());
    address_ = listener_->address();
    gate_.spawn(answer_raw(*listener_, std::move(answers), heads_));
  }
  ~ClientTest() override {
    if (listener_) listener_->close();
    run(close_gate(gate_));
  }
  Result<Response> send(Client& client, Request request) {
    return run(client.send(std::move(request), soon()));
  }
  // What the raw origin makes of one request.
  Result<Response> ask_raw(std::string answer, Request request = {}) {
    start_raw({std::move(answer)});
    Client client(*loop_, address_, "a");
    return send(client, std::move(request));
  }

  std::vector<std::string> heads_;

 private:
  static io::Task<void> close_gate(io::Gate& gate) { EXPECT_TRUE(co_await gate.drained(soon())); }
  static io::Task<void> answer_raw(io::Listener& listener, std::vector<std::string> answers,
                                   std::vector<std::string>& heads) {
    for (const std::string& answer : answers) {
      auto stream = co_await listener.accept(soon());
      if (!stream) co_return;
      heads.push_back(co_await read_until(*stream, "\r\n\r\n"));
      EXPECT_TRUE(co_await stream->write(answer, soon()));
      stream->shutdown_write();
      co_await read_to_end(*stream);
    }
  }
  std::unique_ptr<io::Listener> listener_;
  io::Gate gate_{*loop_};
};

TEST_F(ClientTest, AsksAndIsAnswered) {
  start([](Exchange& exchange) -> io::Task<void> {
    const Request& r = exchange.request;
    auto body = co_await exchange.read_body();
    Response response = Response::text(r.method_text + " " + r.target + " " + r.host + " " + *body);
    response.status = 201;
    response.fields.add("X", *r.fields.find("X-Mine"));
    co_await exchange.respond(std::move(response));
  });
  Client client(*loop_, address_, "visitors.localhost:80");
  Request request;
  request.method = Method::kPost;
  request.target = "/a?b";
  request.body = "hello";
  request.fields.add("X-Mine", "1");
  const auto response = send(client, std::move(request));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(*response->fields.find("x"), "1");
  EXPECT_EQ(response->body, "POST /a?b visitors.localhost hello");
}

TEST_F(ClientTest, KeepsItsConnection) {
  start([](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::text(exchange.request.path));
  });
  Client client(*loop_, address_, "a");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(send(client, get("/" + std::to_string(i)))->body.size(), 2u);
  Request head;
  head.method = Method::kHead;
  EXPECT_EQ(send(client, std::move(head))->body, "");
  EXPECT_EQ(send(client, get("/x"))->body, "/x");
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(ClientTest, ReplacesAPooledConnectionThatWasClosed) {
  const Handler handler = [](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::text("ok"));
  };
  start(handler);
  Client client(*loop_, address_, "a");
  EXPECT_EQ(send(client, get("/"))->body, "ok");
  const io::Address where = address_;
  stop();
  server_ = std::make_unique<Server>(*loop_, handler);
  server_->serve(io::listen(where).value());
  Request post;
  post.method = Method::kPost;  // the end was there to be seen before anything was sent
  const auto response = send(client, std::move(post));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "ok");
}

// Answers once, closes with the second request read, and answers again on a new connection.
io::Task<void> answer_then_die(io::Listener& listener) {
  {
    auto stream = co_await listener.accept(soon());
    EXPECT_TRUE(stream);
    co_await read_until(*stream, "\r\n\r\n");
    EXPECT_TRUE(co_await stream->write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept", soon()));
    co_await read_until(*stream, "\r\n\r\n");
  }
  auto stream = co_await listener.accept(soon());
  if (!stream) co_return;
  co_await read_until(*stream, "\r\n\r\n");
  EXPECT_TRUE(co_await stream->write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain", soon()));
}

TEST_F(ClientTest, RepeatsOnlyWhatIsIdempotent) {
  for (const Method method : {Method::kPut, Method::kPost}) {
    io::Listener listener(*loop_, io::listen(io::Address::parse("127.0.0.1:0").value()).value());
    Client client(*loop_, listener.address(), "a");
    io::Gate origin(*loop_);
    origin.spawn(answer_then_die(listener));
    EXPECT_EQ(send(client, get("/"))->body, "kept");
    Request request = get("/");
    request.method = method;
    const auto response = send(client, std::move(request));
    if (method == Method::kPut) {
      ASSERT_TRUE(response) << response.error().message();
      EXPECT_EQ(response->body, "again");
    } else {
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().code(), Code::kClosed);
    }
    listener.close();
    EXPECT_TRUE(run(origin.drained(soon())));
  }
}

TEST_F(ClientTest, SkipsInterimAnswers) {
  const auto response = ask_raw(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(response->fields.find("link"), nullptr);
}

TEST_F(ClientTest, ReadsBodiesOfEveryKind) {
  EXPECT_EQ(
      ask_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
          ->body,
      "abc");
  EXPECT_EQ(ask_raw("HTTP/1.0 200 OK\r\n\r\nuntil the end")->body, "until the end");
  EXPECT_EQ(ask_raw("HTTP/1.1 204 No Content\r\n\r\n")->body, "");
}

TEST_F(ClientTest, SaysWhatWasWrongWithAnAnswer) {
  const auto error = [this](std::string answer) {
    const auto response = ask_raw(std::move(answer));
    EXPECT_FALSE(response);
    return response ? Error(Code::kInternal, "") : response.error();
  };
  EXPECT_EQ(error("").code(), Code::kClosed);
  EXPECT_EQ(error("HTTP/1.1 200 O").code(), Code::kClosed);
  EXPECT_EQ(error("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").code(), Code::kClosed);
  EXPECT_EQ(error("SSH-2.0-OpenSSH\r\n").code(), Code::kProtocol);
  EXPECT_EQ(error("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz").code(),
            Code::kProtocol);
  EXPECT_THAT(error("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n").message(),
              StartsWith("GET a/: line ends with LF alone"));
}

TEST_F(ClientTest, LimitsWhatItReads) {
  for (const auto* head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}) {
    start_raw({head + std::string(11, 'x')});
    Client client(*loop_, address_, "a", {.max_body = 10});
    const auto response = send(client, get("/"));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), Code::kTooLarge);
  }
}

TEST_F(ClientTest, GivesUpAtItsDeadline) {
  start([](Exchange& exchange) -> io::Task<void> {
    // Waits for a body that never comes.
    static_cast<void>(co_await exchange.read_body());
  });
  io::Stream unused = dial();
  Client client(*loop_, address_, "a");
  Request request = get("/");
  const auto answer = run([](Client& c, Request r) -> io::Task<Result<Client::Streamed>> {
    r.fields.add("Content-Length", "5");
    r.method = Method::kPut;
    bool first = true;
    co_return co_await c.open(
        std::move(r),
        [&first] {
          return [](bool& f) -> io::Task<Result<std::string>> {
            co_return std::exchange(f, false) ? "ab" : "";
          }(first);
        },
        io::Deadline::in(30ms));
  }(client, std::move(request)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kTimeout);
}

TEST_F(ClientTest, WritesNothingThatCouldBeReadAsMore) {
  start_raw({});
  Client client(*loop_, address_, "a");
  Request request = get("/ HTTP/1.1\r\nX: y");
  EXPECT_EQ(send(client, request).error().code(), Code::kInvalid);
  request = get("/");
  request.fields.add("X", "a\r\nHost: b");
  EXPECT_EQ(send(client, request).error().code(), Code::kInvalid);
  request = get("/");
  request.method = Method::kOther;
  request.method_text = "GET / HTTP/1.1";
  EXPECT_EQ(send(client, request).error().code(), Code::kInvalid);
}

TEST_F(ClientTest, SaysWhenNobodyListens) {
  start([](Exchange&) -> io::Task<void> { co_return; });
  const io::Address where = address_;
  stop();
  Client client(*loop_, where, "a");
  const auto response = send(client, get("/x"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), Code::kUnavailable);
  EXPECT_THAT(response.error().message(), HasSubstr("GET a/x: connect to 127.0.0.1:"));
}

}  // namespace
}  // namespace fairlead::http
