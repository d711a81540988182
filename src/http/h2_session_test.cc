// Two sessions back to back, and frames made by hand where a client is hostile.
#include "http/h2_session.h"

#include <gtest/gtest.h>

#include <deque>

namespace fairlead::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string bytes;
  for (const int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift);
  return bytes.append(payload);
}

// GET https://a/ in indexed fields.
std::string get(std::uint32_t stream, bool end = true) {
  return frame(1, end ? 5 : 4, stream, std::string_view("\x82\x87\x84\x41\x01\x61", 6));
}

struct Seen final : H2Stream {
  std::string head, body, trailers;
  int heads = 0;
  bool ended = false, closed = false, room = false;
  H2Error code = H2Error::kNone;
  H2Session* session = nullptr;

  void on_head(const H2HeadText& text, bool whole) override {
    head = text.error().status ? fmt::format("{}", text.error().status) : text.text();
    ended = whole;
    ++heads;
  }
  void on_body(std::string_view data) override {
    body += data;
    if (session) session->consumed(*this, data.size());
  }
  void on_end(std::string_view lines) override {
    ended = true;
    trailers = lines;
  }
  void on_room() override { room = true; }
  void on_closed(H2Error why) override {
    closed = true;
    code = why;
  }
};

struct Server final : H2Session::Owner {
  explicit Server(H2Limits limits = {}) : session(H2Session::Role::kServer, limits, *this) {}
  H2Stream& new_stream() override {
    streams.emplace_back();
    if (consumes) streams.back().session = &session;
    return streams.back();
  }
  void on_abuse(H2Abuse what) override { abuse = what; }

  void receive(std::string_view bytes) { session.receive(bytes, now); }
  std::string output() {
    std::string out;
    while (session.has_output()) {
      const std::size_t before = out.size();
      session.produce(out, out.size() + 100'000);
      if (out.size() == before) break;
    }
    return out;
  }
  // The error code of the last GOAWAY in the output, -1 without one.
  int goaway() {
    const std::string out = output();
    int code = -1;
    for (std::size_t at = 0; at + 9 <= out.size();) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(out[at + i]); };
      const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (byte(3) == 7) code = byte(9 + 7);
      at += 9 + size;
    }
    return code;
  }

  bool consumes = true;
  Instant now{};
  std::deque<Seen> streams;
  std::optional<H2Abuse> abuse;
  H2Session session;
};

std::string greeting() { return std::string(kPreface) + frame(4, 0, 0); }

TEST(H2SessionTest, TakesARequestInAnyPieces) {
  const std::string input = greeting() + get(1) + get(3, false) + frame(0, 1, 3, "hello");
  for (std::size_t step = 1; step <= input.size(); ++step) {
    Server server;
    for (std::size_t at = 0; at < input.size(); at += step) {
      server.receive(std::string_view(input).substr(at, step));
    }
    ASSERT_EQ(server.streams.size(), 2u);
    EXPECT_EQ(server.streams[0].head, "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    EXPECT_TRUE(server.streams[0].ended);
    EXPECT_EQ(server.streams[1].body, "hello");
    EXPECT_TRUE(server.streams[1].ended);
    EXPECT_EQ(server.goaway(), -1);
  }
}

// A client's session and a server's, moving what each says to the other.
struct Pair final : H2Session::Owner {
  Pair() : client(H2Session::Role::kClient, {}, *this) {}
  H2Stream& new_stream() override { std::abort(); }
  void on_abuse(H2Abuse) override {}
  void exchange() {
    for (;;) {
      std::string to_server;
      client.produce(to_server, 1 << 20);
      server.receive(to_server);
      const std::string to_client = server.output();
      client.receive(to_client, {});
      if (to_server.empty() && to_client.empty()) return;
    }
  }
  Server server;
  H2Session client;
};

RequestHead parsed(HeadParser& parser, std::string_view text) {
  std::size_t scanned = 0;
  EXPECT_EQ(parser.parse_request(text, scanned), ParseState::kComplete);
  return parser.request();
}

TEST(H2SessionTest, CarriesBodiesInterimHeadsAndTrailersBothWays) {
  Pair pair;
  HeadParser parser;
  Seen stream;
  stream.session = &pair.client;
  const RequestHead request = parsed(parser, "POST /p HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n");
  ASSERT_TRUE(pair.client.open(stream, request, "http", false));
  pair.client.send_body(stream, "question", true, "checksum: 1\r\n");
  pair.exchange();
  Seen& served = pair.server.streams.at(0);
  EXPECT_EQ(served.head,
            "POST /p HTTP/1.1\r\nhost: a\r\nx-a: b\r\nte: trailers\r\ntransfer-encoding: "
            "chunked\r\n\r\n");
  EXPECT_EQ(served.body, "question");
  EXPECT_EQ(served.trailers, "checksum: 1\r\n");

  pair.server.session.respond(served, 103, {}, false);
  pair.exchange();
  EXPECT_EQ(stream.head, "HTTP/1.1 103 \r\n\r\n");
  const std::array<Field, 1> fields = {{{"X-C", "d"}}};
  pair.server.session.respond(served, 200, fields, false);
  pair.server.session.send_body(served, std::string(300'000, 'z'), true, "grpc-status: 0\r\n");
  pair.exchange();
  EXPECT_EQ(stream.heads, 2);
  EXPECT_TRUE(stream.head.starts_with("HTTP/1.1 200 \r\nx-c: d\r\n")) << stream.head;
  EXPECT_EQ(stream.body.size(), 300'000u);
  EXPECT_EQ(stream.trailers, "grpc-status: 0\r\n");
  EXPECT_TRUE(stream.closed);
  EXPECT_TRUE(served.closed);
  EXPECT_EQ(pair.server.session.streams(), 0u);
}

TEST(H2SessionTest, AStreamThatTakesNothingHoldsNoOtherUp) {
  Server server({.stream_window = 1000, .connection_window = 100'000});
  server.consumes = false;
  server.receive(greeting());
  server.output();
  server.receive(frame(4, 1, 0));  // the window is in force
  server.receive(get(1, false) + frame(0, 0, 1, std::string(1000, 'a')));
  server.receive(get(3, false) + frame(0, 0, 3, std::string(1000, 'b')));
  EXPECT_EQ(server.streams[1].body.size(), 1000u);
  EXPECT_EQ(server.goaway(), -1);
  // More than its window is an error of the stream alone.
  server.receive(frame(0, 0, 1, "x"));
  server.output();
  EXPECT_TRUE(server.streams[0].closed);
  EXPECT_FALSE(server.streams[1].closed);
}

TEST(H2SessionTest, WhoHasTheWholeAnswerNeedNotSendTheRest) {
  Server server;
  server.receive(greeting() + get(1, false));
  server.session.respond(server.streams[0], 413, {}, true);
  const std::string out = server.output();
  EXPECT_TRUE(out.ends_with(frame(3, 0, 1, std::string_view("\0\0\0\0", 4))));
  EXPECT_TRUE(server.streams[0].closed);
  // What was on its way is no error.
  server.receive(frame(0, 1, 1, "late") + get(3));
  EXPECT_EQ(server.streams.size(), 2u);
}

TEST(H2SessionTest, FramesForStreamsThatAreOverEndTheConnection) {
  const std::string reset = frame(3, 0, 1, std::string_view("\0\0\0\x08", 4));
  for (const std::string& late : {get(1), frame(0, 1, 1, "late")}) {
    Server server;
    server.receive(greeting() + get(1, false) + reset + late);
    EXPECT_EQ(server.goaway(), 5);
    EXPECT_TRUE(server.session.over());
  }
  Server skipped;
  skipped.receive(greeting() + get(5) + get(3));
  EXPECT_EQ(skipped.goaway(), 1);
}

TEST(H2SessionTest, RapidResetEndsTheConnection) {
  Server server({.reset_burst = 50, .resets_per_second = 10});
  server.receive(greeting());
  std::uint32_t id = 1;
  const auto begin_and_reset = [&] {
    server.receive(get(id) + frame(3, 0, id, std::string_view("\0\0\0\x08", 4)));
    id += 2;
  };
  for (int i = 0; i < 50; ++i) begin_and_reset();
  EXPECT_FALSE(server.abuse);
  server.now += 1s;  // ten more
  for (int i = 0; i < 10; ++i) begin_and_reset();
  EXPECT_FALSE(server.abuse);
  begin_and_reset();
  EXPECT_EQ(server.abuse, H2Abuse::kResets);
  EXPECT_EQ(server.goaway(), 11);
  const std::size_t before = server.streams.size();
  begin_and_reset();
  EXPECT_EQ(server.streams.size(), before);
}

// CVE-2025-8671: the client makes the server reset.
TEST(H2SessionTest, StreamsThatAreMalformedCountAsReset) {
  Server server({.reset_burst = 20});
  server.receive(greeting());
  for (std::uint32_t id = 1; id < 60 && !server.abuse; id += 2) {
    server.receive(get(id) + frame(8, 0, id, "\x7f\xff\xff\xff"));  // more than a window holds
    server.output();
  }
  EXPECT_EQ(server.abuse, H2Abuse::kResets);
}

TEST(H2SessionTest, FramesThatCarryNothingAreLimited) {
  const std::string_view ping("12345678");
  for (const std::string& empty :
       {frame(6, 0, 0, ping), frame(4, 0, 0), frame(2, 0, 1, std::string_view("\0\0\0\0\0", 5)),
        frame(0x20, 0, 0, "unknown"), frame(0, 0, 1)}) {
    Server server({.frame_burst = 100, .frames_per_second = 1});
    server.receive(greeting() + get(1, false));
    for (int i = 0; i < 90; ++i) server.receive(empty);
    EXPECT_FALSE(server.abuse);
    for (int i = 0; i < 20; ++i) server.receive(empty);
    EXPECT_EQ(server.abuse, H2Abuse::kFrames) << static_cast<int>(empty[3]);
    EXPECT_EQ(server.goaway(), 11);
  }
}

TEST(H2SessionTest, AContinuationFloodEndsTheConnection) {
  Server server;
  server.receive(greeting() + frame(1, 0, 1, std::string_view("\x82\x87\x84\x41\x01\x61", 6)));
  EXPECT_TRUE(server.session.in_head());
  for (int i = 0; i < 100 && !server.session.over(); ++i) {
    server.receive(frame(9, 0, 1, std::string_view("\0\x01x\x01y", 5)));
    server.output();
  }
  EXPECT_TRUE(server.session.over());
}

TEST(H2SessionTest, ABombOfReferencesIsRefused) {
  // One large field into the table, then a byte each time it is meant again.
  std::string block("\x82\x87\x84\x41\x01\x61\x40\x01x\x7f\xa1\x1e", 12);  // 4000 bytes follow
  block += std::string(4000, 'v');
  block += std::string(200, '\xbe');
  Server server;
  server.receive(greeting() + frame(1, 5, 1, block));
  EXPECT_EQ(server.abuse, H2Abuse::kHead);
  EXPECT_EQ(server.goaway(), 11);
}

TEST(H2SessionTest, ATooLargeHeadIsSaidToItsStream) {
  std::string block("\x82\x87\x84\x41\x01\x61\x40\x01x\x7f\xa1\x1e", 12);
  block += std::string(4000, 'v');
  block += std::string(10, '\xbe');
  Server server;
  server.receive(greeting() + frame(1, 5, 1, block) + get(3));
  ASSERT_EQ(server.streams.size(), 2u);
  EXPECT_EQ(server.streams[0].head, "431");
  EXPECT_EQ(server.streams[1].heads, 1);
  EXPECT_EQ(server.goaway(), -1);
}

TEST(H2SessionTest, TellsOfRoomOnceAllIsInFrames) {
  Server server;
  server.receive(greeting() + get(1));
  server.session.respond(server.streams[0], 200, {}, false);
  server.session.send_body(server.streams[0], std::string(100'000, 'a'), false, {});
  server.output();
  EXPECT_FALSE(server.streams[0].room);  // the client's window is 65,535 bytes
  EXPECT_GT(server.streams[0].queued(), 0u);
  server.receive(frame(8, 0, 0, std::string_view("\0\x01\0\0", 4)) +
                 frame(8, 0, 1, std::string_view("\0\x01\0\0", 4)));
  server.output();
  EXPECT_TRUE(server.streams[0].room);
  EXPECT_EQ(server.streams[0].framed(), 100'000u);
}

TEST(H2SessionTest, EndsOnceItsStreamsAreDone) {
  Server server;
  server.receive(greeting() + get(1));
  server.session.announce_end();
  EXPECT_EQ(server.goaway(), 0);
  server.receive(get(3));
  EXPECT_EQ(server.streams.size(), 2u);  // was on its way
  server.session.end();
  EXPECT_EQ(server.goaway(), 0);
  EXPECT_FALSE(server.session.over());
  for (Seen& stream : server.streams) server.session.respond(stream, 204, {}, true);
  server.output();
  EXPECT_TRUE(server.session.over());
}

}  // namespace
}  // namespace fairlead::http
