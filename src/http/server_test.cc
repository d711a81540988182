#include "http/server.h"

#include "base/file.h"
#include "base/strings.h"
#include "http/server_fixture.h"

namespace fairlead::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kEnd = "Connection: close\r\n\r\n";

// Says what it was asked.
io::Task<void> describe(Exchange& exchange) {
  auto body = co_await exchange.read_body();
  if (!body) co_return;
  const Request& request = exchange.request;
  Response response = Response::text(request.method_text + " " + request.path + " [" + *body + "]");
  for (const auto& [name, value] : exchange.trailers()) response.fields.add(name, value);
  EXPECT_TRUE(co_await exchange.respond(std::move(response)));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start(describe);
  const std::string all = talk(
      "GET /a%20b HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "HEAD /d HTTP/1.1\r\nHost: x\r\n\r\n"
      "PUT /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\nX-T: "
      "f\r\n\r\n"
      "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  const std::size_t first = all.find("GET /a b []HTTP/1.1 200 OK"),
                    second = all.find("POST /c [abc]HTTP/1.1 200 OK"),
                    // The answer to HEAD has no body: the next follows at once.
      third = all.find("\r\n\r\nHTTP/1.1 200 OK", second), fourth = all.find("PUT /e [de]HTTP/1.1");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_LT(third, fourth);
  EXPECT_NE(fourth, std::string::npos);
  EXPECT_THAT(all, HasSubstr("X-T: f\r\n"));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(all, EndsWith("GET /last []"));
}

TEST_F(ServerTest, ReadsWhatComesByteByByte) {
  start(describe);
  io::Stream stream = dial();
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n";
  const std::string all =
      run([](io::Loop& loop, io::Stream& s, std::string b) -> io::Task<std::string> {
        for (const char c : b) {
          EXPECT_TRUE(co_await s.write(std::string_view(&c, 1), soon()));
          EXPECT_TRUE(co_await io::sleep(loop, 100us));
        }
        co_return co_await read_to_end(s);
      }(*loop_, stream, bytes));
  EXPECT_THAT(all, EndsWith("POST / [abc]"));
}

TEST_F(ServerTest, FillsTheRequest) {
  start([](Exchange& exchange) -> io::Task<void> {
    const Request& r = exchange.request;
    EXPECT_EQ(r.method, Method::kOther);
    EXPECT_EQ(r.method_text, "BREW");
    EXPECT_EQ(r.target, "/p%2fq?x=%41");
    EXPECT_EQ(r.path, "/p/q");
    EXPECT_EQ(r.query, "x=%41");
    EXPECT_EQ(r.parameter("x"), "A");
    EXPECT_EQ(r.host, "www.example");
    EXPECT_EQ(r.peer, "127.0.0.1");
    EXPECT_EQ(*r.fields.find("A"), "b");
    co_await exchange.respond(Response::text(r.id));
  });
  const std::string head =
      "BREW /p%2fq?x=%41 HTTP/1.1\r\nHost: WWW.example:80\r\nA: b\r\nConnection: close\r\n";
  EXPECT_THAT(talk(head + "X-Request-ID: abc-1\r\n\r\n"), EndsWith("\r\n\r\nabc-1"));
  const std::string made = talk(head + "X-Request-ID: a b\r\n\r\n");
  EXPECT_THAT(made, HasSubstr("Content-Length: 16\r\n"));
  EXPECT_NE(made, talk(head + "\r\n"));
}

TEST_F(ServerTest, NamesThePeerOfAUnixSocket) {
  const std::string path = "/tmp/fairlead-http-" + std::to_string(::getpid()) + ".sock";
  start([](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::text(exchange.request.peer));
  });
  const auto address = io::Address::unix_path(path).value();
  server_->serve(io::listen(address).value());
  address_ = address;
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              EndsWith("\r\n\r\nunix:"));
  std::filesystem::remove(path);
}

TEST_F(ServerTest, SendsContinueOnlyWhenTheBodyIsWanted) {
  start(describe);
  io::Stream stream = dial();
  const std::string head =
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ";
  run([](io::Stream& s, std::string h) -> io::Task<void> {
    EXPECT_TRUE(co_await s.write(h + "2\r\n\r\n", soon()));
    EXPECT_EQ(co_await read_until(s, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_TRUE(co_await s.write("ok", soon()));
    EXPECT_THAT(co_await read_to_end(s), EndsWith("POST / [ok]"));
  }(stream, head));
  EXPECT_THAT(talk(head + "9999999999\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, StreamsInChunksWithTrailers) {
  start([](Exchange& exchange) -> io::Task<void> {
    EXPECT_FALSE(exchange.responded());
    EXPECT_TRUE(co_await exchange.start(Response::text("one,")));
    EXPECT_TRUE(exchange.responded());
    EXPECT_TRUE(co_await exchange.write(""));  // would be the end, if it were written
    EXPECT_TRUE(co_await exchange.write(std::string(20'000, 'x')));
    Fields trailers;
    trailers.add("X-Sum", "1");
    EXPECT_TRUE(co_await exchange.finish(std::move(trailers)));
  });
  const std::string chunks =
      "\r\n\r\n4\r\none,\r\n4e20\r\n" + std::string(20'000, 'x') + "\r\n0\r\nX-Sum: 1\r\n\r\n";
  const std::string all = talk(
      "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(all, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(all, HasSubstr(chunks + "HTTP/1.1 200 OK"));
  EXPECT_THAT(all, EndsWith(chunks));
  // HTTP/1.0 has no chunks: the end of the connection ends the body.
  const std::string old = talk("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(old, HasSubstr(kEnd));
  EXPECT_THAT(old, EndsWith("\r\n\r\none," + std::string(20'000, 'x')));
  EXPECT_THAT(talk("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, StreamsWithALengthOrNotAtAll) {
  start([](Exchange& exchange) -> io::Task<void> {
    Response head;
    head.fields.add("Content-Length", "6");
    EXPECT_TRUE(co_await exchange.start(std::move(head)));
    EXPECT_TRUE(co_await exchange.write("abc"));
    if (exchange.request.path == "/less") {
      EXPECT_FALSE(co_await exchange.finish());
    } else if (exchange.request.path == "/more") {
      EXPECT_FALSE(co_await exchange.write("defg"));
    } else {
      EXPECT_TRUE(co_await exchange.write("def"));
      EXPECT_TRUE(co_await exchange.finish());
    }
  });
  const auto get = [this](std::string path) {
    return talk("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  };
  EXPECT_THAT(get("/"), EndsWith("\r\n\r\nabcdef"));
  EXPECT_THAT(get("/"), Not(HasSubstr("chunked")));
  EXPECT_THAT(get("/less"), EndsWith("\r\n\r\nabc"));
  EXPECT_THAT(get("/more"), EndsWith("\r\n\r\nabc"));
}

TEST_F(ServerTest, KeepsOldClientsThatAskForIt) {
  start(describe);
  const std::string all =
      talk("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
  EXPECT_THAT(all, HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_THAT(all, EndsWith("GET /2 []"));
}

TEST_F(ServerTest, MakesUpForHandlersThatFail) {
  start([](Exchange& exchange) -> io::Task<void> {
    if (exchange.request.path == "/nothing") co_return;
    if (exchange.request.path == "/unfinished") {
      co_await exchange.start(Response::text("part"));
      co_return;
    }
    if (exchange.request.path == "/twice") {
      EXPECT_TRUE(co_await exchange.respond(Response::text("first")));
      EXPECT_FALSE(co_await exchange.respond(Response::text("second")));
      EXPECT_FALSE(co_await exchange.write("third"));
      co_return;
    }
    Response response;
    response.fields.add("Location", "/\r\nSet-Cookie: stolen");
    EXPECT_EQ((co_await exchange.respond(std::move(response))).error().code(), Code::kInvalid);
  });
  const auto get = [this](std::string path) {
    return talk("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  };
  EXPECT_THAT(get("/nothing"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(get("/unfinished"), EndsWith("4\r\npart\r\n"));
  EXPECT_THAT(get("/twice"), EndsWith("\r\n\r\nfirst"));
  const std::string split_head = get("/split");
  EXPECT_THAT(split_head, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(split_head, Not(HasSubstr("stolen")));
}

TEST_F(ServerTest, SendsNoBodyWhereNoneMayBe) {
  start([](Exchange& exchange) -> io::Task<void> {
    Response response = Response::text("body");
    response.status = static_cast<std::uint16_t>(*parse_unsigned(exchange.request.query));
    response.fields.add("Content-Length", "77");  // not the handler's to say, but for HEAD
    if (exchange.request.method == Method::kHead) response.body.clear();
    co_await exchange.respond(std::move(response));
  });
  const auto ask = [this](std::string what) {
    return talk(what + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  };
  EXPECT_THAT(ask("GET /?200"),
              AllOf(HasSubstr("Content-Length: 4\r\n"), EndsWith("\r\n\r\nbody")));
  EXPECT_THAT(ask("HEAD /?200"), AllOf(HasSubstr("Content-Length: 77\r\n"), EndsWith("\r\n\r\n")));
  EXPECT_THAT(ask("GET /?204"), AllOf(Not(HasSubstr("Content-Length")), EndsWith("\r\n\r\n")));
  EXPECT_THAT(ask("GET /?304"), AllOf(Not(HasSubstr("Content-Length")), EndsWith("\r\n\r\n")));
}

TEST_F(ServerTest, RefusesWithAProblemDocumentAndCloses) {
  start(describe, {.max_body = 4});
  const auto expect = [this](std::string bytes, int status) {
    const std::string all = talk(std::move(bytes));
    EXPECT_THAT(all, StartsWith("HTTP/1.1 " + std::to_string(status) + " "));
    EXPECT_THAT(all, AllOf(HasSubstr("Connection: close\r\n"),
                           HasSubstr("Content-Type: application/problem+json\r\n"),
                           HasSubstr("\"status\":" + std::to_string(status)), EndsWith("}\n")));
  };
  expect("GET / HTTP/1.1\n", 400);
  expect("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413);
  expect("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", 413);
  expect("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", 400);
  expect("GET /" + std::string(9000, 'a'), 414);
  expect("GET / HTTP/1.1\r\nA: " + std::string(1 << 20, 'a'), 431);
  expect("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br\r\n\r\n", 501);
  expect("GET / HTTP/3.0\r\n\r\n", 505);
}

TEST_F(ServerTest, LetsTheClientReadARefusalWhileItIsStillSending) {
  start(describe, {.max_body = 1000});
  for (int i = 0; i < 20; ++i) {
    const std::string all = talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n" +
                                 std::string(8'000'000, 'x'));
    EXPECT_THAT(all, AllOf(StartsWith("HTTP/1.1 413 "), EndsWith("}\n")));
  }
}

TEST_F(ServerTest, KeepsTheConnectionWhenAnUnreadBodyWasSmall) {
  start([](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::text("no, thanks"));
  });
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                   "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              HasSubstr("no, thanksHTTP/1.1 200"));
}

TEST_F(ServerTest, GivesUpOnSlowSenders) {
  start(describe, {.head_timeout = 30ms, .body_timeout = 30ms, .idle_timeout = 30ms});
  EXPECT_EQ(talk(""), "");
  EXPECT_THAT(talk("GET / HT"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"),
              StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), EndsWith("GET / []"));
}

// A head that comes slowly but steadily must end by its deadline all the same.
TEST_F(ServerTest, CountsTheHeadTimeFromItsFirstByte) {
  start(describe, {.head_timeout = 100ms});
  io::Stream stream = dial();
  const std::string all = run([](io::Loop& loop, io::Stream& s) -> io::Task<std::string> {
    for (int i = 0; i < 1000; ++i) {
      if (!co_await s.write(i == 0 ? "GET /" : "a", soon())) break;
      static_cast<void>(co_await io::sleep(loop, 5ms));
      char byte;
      if (::recv(s.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) break;
    }
    co_return co_await read_to_end(s);
  }(*loop_, stream));
  EXPECT_THAT(all, StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, NoticesAClientThatLeavesInsideABody) {
  Code code = Code::kInternal;
  start([&code](Exchange& exchange) -> io::Task<void> {
    return [](Exchange& e, Code& c) -> io::Task<void> {
      auto body = co_await e.read_body();
      EXPECT_FALSE(body);
      if (!body) c = body.error().code();
    }(exchange, code);
  });
  io::Stream stream = dial();
  run([](io::Stream& s) -> io::Task<void> {
    EXPECT_TRUE(
        co_await s.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", soon()));
    s.shutdown_write();
    EXPECT_EQ(co_await read_to_end(s), "");
  }(stream));
  EXPECT_EQ(code, Code::kClosed);
}

TEST_F(ServerTest, AcceptsNoMoreConnectionsThanAllowed) {
  start(describe, {.max_connections = 2});
  io::Stream first = dial(), second = dial(), third = dial();
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  run([](io::Stream& a, io::Stream& b, io::Stream& c, Server& server,
         std::string bytes) -> io::Task<void> {
    EXPECT_TRUE(co_await a.write(bytes, soon()));
    EXPECT_TRUE(co_await b.write(bytes, soon()));
    EXPECT_TRUE(co_await c.write(bytes, soon()));
    co_await read_until(a, "[]");
    co_await read_until(b, "[]");
    EXPECT_EQ(server.connections(), 2u);
    a.abort();
    EXPECT_THAT(co_await read_until(c, "[]"), EndsWith("GET / []"));
  }(first, second, third, *server_, get));
}

}  // namespace
}  // namespace fairlead::http
