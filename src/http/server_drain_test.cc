// How a server ends: promise 1 of the design, as far as one process can keep it.
#include "http/server_fixture.h"
#include "io/sync.h"

namespace fairlead::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// A handler that waits for the test's word.
struct Held {
  explicit Held(io::Loop& loop) : entered(loop), go_on(loop) {}
  io::Event entered, go_on;
};

io::Task<void> answer_when_told(Exchange& exchange, Held& held) {
  held.entered.set();
  static_cast<void>(co_await held.go_on.wait(soon().or_when(exchange.cut_off())));
  co_await exchange.respond(Response::text("done"));
}

Handler held_handler(Held& held) {
  return [&held](Exchange& exchange) { return answer_when_told(exchange, held); };
}

TEST_F(ServerTest, DrainFinishesWhatIsInFlight) {
  Held held(*loop_);
  start(held_handler(held));
  io::Stream stream = dial();
  const std::string answer =
      run([](io::Loop& loop, io::Stream& s, Server& server, Held& h) -> io::Task<std::string> {
        EXPECT_TRUE(co_await s.write(kGet + kGet, soon()));
        EXPECT_TRUE(co_await h.entered.wait(soon()));
        io::Gate gate(loop);
        gate.spawn([](Server& sv, Held& h2) -> io::Task<void> {
          EXPECT_TRUE(co_await sv.drain(soon()));
          EXPECT_TRUE(h2.go_on.is_set());
        }(server, h));
        h.go_on.set();
        std::string all = co_await read_to_end(s);
        EXPECT_TRUE(co_await gate.drained(soon()));
        co_return all;
      }(*loop_, stream, *server_, held));
  // The second request came after the announcement and is not answered: the client may repeat it.
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\ndone"));
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos);
}

TEST_F(ServerTest, DrainClosesIdleConnectionsAtOnce) {
  start([](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::text("ok"));
  });
  io::Stream used = dial(), fresh = dial();
  run([](io::Stream& a, io::Stream& b, Server& server) -> io::Task<void> {
    EXPECT_TRUE(co_await a.write(kGet, soon()));
    EXPECT_THAT(co_await read_until(a, "ok"), EndsWith("ok"));
    const Instant before = now();
    EXPECT_TRUE(co_await server.drain(soon()));
    EXPECT_LT(now() - before, 5s);
    EXPECT_EQ(co_await read_to_end(a), "");
    EXPECT_EQ(co_await read_to_end(b), "");
  }(used, fresh, *server_));
}

// Connections the kernel has accepted for us, and requests that lie unread in a socket's buffer,
// are answered.
TEST_F(ServerTest, DrainAnswersWhatHasArrived) {
  start([](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::text("ok"));
  });
  // Plain blocking sockets: the loop does not run meanwhile.
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(::socket(address_.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(clients.back().get(), address_.data(), address_.size()), 0);
    ASSERT_EQ(::send(clients.back().get(), kGet.data(), kGet.size(), 0), std::ssize(kGet));
  }
  EXPECT_TRUE(run(server_->drain(soon())));
  for (const UniqueFd& client : clients) {
    char buffer[1024];
    const ssize_t size = ::recv(client.get(), buffer, sizeof buffer, 0);
    ASSERT_GT(size, 0);
    EXPECT_THAT(std::string(buffer, static_cast<std::size_t>(size)), EndsWith("\r\n\r\nok"));
  }
  // And now nobody listens.
  const UniqueFd late(::socket(address_.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(::connect(late.get(), address_.data(), address_.size()), 0);
}

TEST_F(ServerTest, DrainCutsOffWhatTakesTooLong) {
  Held held(*loop_);
  start(held_handler(held));
  io::Stream waiting = dial(), sending = dial();
  run([](io::Stream& a, io::Stream& b, Server& server, Held& h) -> io::Task<void> {
    EXPECT_TRUE(co_await a.write(kGet, soon()));
    EXPECT_TRUE(co_await b.write("GET / HT", soon()));
    EXPECT_TRUE(co_await h.entered.wait(soon()));
    const auto drained = co_await server.drain(io::Deadline::in(20ms));
    EXPECT_FALSE(drained);
    if (!drained) {
      EXPECT_EQ(drained.error().code(), Code::kTimeout);
    }
    EXPECT_EQ(server.connections(), 0u);
  }(waiting, sending, *server_, held));
}

}  // namespace
}  // namespace fairlead::http
