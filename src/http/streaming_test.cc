// Large bodies both ways: flat memory, and nobody is faster than the one who waits for him.
#include "base/file.h"
#include "base/strings.h"
#include "http/client.h"
#include "http/server_fixture.h"

#if __has_feature(address_sanitizer)
// What was freed is held back to find its late users; 256 MiB of it would look like a leak here.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=8"; }
#endif

namespace fairlead::http {
namespace {

// What may come on top of the memory at the start: the kernel's buffers are not part of it, so a
// few pieces of 64 KiB would do; sanitizers need more.
constexpr std::int64_t kAllowance = 32 << 20;
constexpr std::uint64_t kBody = 256u << 20;

std::int64_t resident_bytes() {
  const auto statm = read_file("/proc/self/statm").value();
  return static_cast<std::int64_t>(*parse_unsigned(split(statm, ' ')[1])) * ::sysconf(_SC_PAGESIZE);
}

// Sends back what it receives, while it receives it.
io::Task<void> echo(Exchange& exchange) {
  EXPECT_TRUE(co_await exchange.start(Response{}));
  for (;;) {
    const auto piece = co_await exchange.read_some();
    EXPECT_TRUE(piece) << piece.error().message();
    if (!piece || piece->empty()) break;
    if (!co_await exchange.write(*piece)) co_return;
  }
  EXPECT_TRUE(co_await exchange.finish());
}

io::Task<void> send_chunks(io::Stream& stream, std::uint64_t size) {
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  for (std::uint64_t sent = 0; sent < size; sent += 65536)
    EXPECT_TRUE(co_await stream.write(chunk, soon()));
  EXPECT_TRUE(co_await stream.write("0\r\n\r\n", soon()));
}

io::Task<std::uint64_t> count_payload(io::Stream& stream) {
  std::string buffer(65536, '\0');
  ChunkedDecoder decoder;
  std::uint64_t payload = 0;
  std::string head = co_await read_until(stream, "\r\n\r\n");
  std::string rest = head.substr(head.find("\r\n\r\n") + 4);
  for (;;) {
    for (std::string_view left = rest; !left.empty();) {
      const auto step = decoder.decode(left);
      payload += step.data.size();
      left.remove_prefix(step.consumed);
      if (step.state != ParseState::kIncomplete) co_return payload;
    }
    const auto size = co_await stream.read(buffer, soon());
    if (!size || *size == 0) co_return 0;
    rest.assign(buffer, 0, *size);
  }
}

TEST_F(ServerTest, EchoesALargeBodyInFlatMemory) {
  start(echo);
  io::Stream stream = dial();
  const std::int64_t before = resident_bytes();
  const auto payload = run([](io::Loop& loop, io::Stream& s) -> io::Task<std::uint64_t> {
    EXPECT_TRUE(co_await s.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 soon()));
    io::Gate gate(loop);
    gate.spawn(send_chunks(s, kBody));
    const auto size = co_await count_payload(s);
    EXPECT_TRUE(co_await gate.drained(soon()));
    co_return size;
  }(*loop_, stream));
  EXPECT_EQ(payload, kBody);
  EXPECT_LT(resident_bytes() - before, kAllowance);
}

TEST_F(ServerTest, WaitsForASlowReader) {
  std::uint64_t written = 0;
  start(
      [&written](Exchange& exchange) {
        return [](Exchange& e, std::uint64_t& count) -> io::Task<void> {
          const std::string piece(65536, 'x');
          EXPECT_TRUE(co_await e.start(Response{}));
          while (co_await e.write(piece)) count += piece.size();
        }(exchange, written);
      },
      {.write_timeout = 200ms});
  io::Stream stream = dial();
  run([](io::Stream& s, Server& server) -> io::Task<void> {
    EXPECT_TRUE(co_await s.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n", soon()));
    co_await read_until(s, "\r\n\r\n");
    // Nothing is read any more: the handler stops at what the kernel's buffers hold, and is given
    // up.
    EXPECT_TRUE(co_await server.drain(soon()));
  }(stream, *server_));
  EXPECT_GT(written, 0u);
  EXPECT_LT(written, 64u << 20);
}

TEST_F(ServerTest, TheClientStreamsBothWaysToo) {
  start([](Exchange& exchange) -> io::Task<void> {
    std::uint64_t size = 0;
    for (;;) {
      const auto piece = co_await exchange.read_some();
      EXPECT_TRUE(piece);
      if (!piece || piece->empty()) break;
      size += piece->size();
    }
    const std::string* length = exchange.request.fields.find("content-length");
    EXPECT_TRUE(co_await exchange.start(Response::text(length ? *length : "chunked")));
    const std::string piece(100'000, 'y');
    for (std::uint64_t sent = 0; sent < size; sent += piece.size())
      EXPECT_TRUE(co_await exchange.write(piece));
    EXPECT_TRUE(co_await exchange.finish());
  });
  Client client(*loop_, address_, "a");
  const std::int64_t before = resident_bytes();
  for (const bool chunked : {true, false}) {
    run([](Client& c, bool by_chunks) -> io::Task<void> {
      Request request;
      request.method = Method::kPut;
      if (!by_chunks) request.fields.add("Content-Length", "100000000");
      auto left = std::make_unique<int>(1000);
      auto answer = co_await c.open(
          std::move(request),
          [left = std::move(left)] {
            return [](int& pieces) -> io::Task<Result<std::string>> {
              co_return pieces-- > 0 ? std::string(100'000, 'x') : std::string();
            }(*left);
          },
          soon());
      EXPECT_TRUE(answer) << answer.error().message();
      std::string begin;
      std::uint64_t size = 0;
      for (;;) {
        const auto piece = co_await answer->body->read_some(soon());
        EXPECT_TRUE(piece);
        if (!piece || piece->empty()) break;
        if (begin.size() < 10) begin += *piece;
        size += piece->size();
      }
      EXPECT_EQ(begin.substr(0, 7), by_chunks ? "chunked" : "1000000");
      EXPECT_EQ(size, 100'000'000u + (by_chunks ? 7 : 9));
    }(client, chunked));
  }
  EXPECT_LT(resident_bytes() - before, kAllowance);
}

TEST_F(ServerTest, TheClientHearsAnEarlyAnswerToItsUpload) {
  start([](Exchange& exchange) -> io::Task<void> {
    co_await exchange.respond(Response::problem(403, "Forbidden"));
  });
  Client client(*loop_, address_, "a");
  run([](Client& c) -> io::Task<void> {
    Request request;
    request.method = Method::kPost;
    auto answer = co_await c.open(
        std::move(request),
        [] {
          return []() -> io::Task<Result<std::string>> { co_return std::string(65536, 'x'); }();
        },
        soon());
    EXPECT_TRUE(answer) << answer.error().message();
    if (answer) {
      EXPECT_EQ(answer->head.status, 403);
    }
  }(client));
}

}  // namespace
}  // namespace fairlead::http
