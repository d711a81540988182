#include "http/h1_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

using Kind = BodyFraming::Kind;

RequestHead request(HeadParser& parser, std::string_view bytes) {
  std::size_t scanned = 0;
  EXPECT_EQ(parser.parse_request(bytes, scanned), ParseState::kComplete)
      << bytes << parser.error().reason;
  return parser.request();
}

ResponseHead response(HeadParser& parser, std::string_view bytes, Method method = Method::kGet) {
  std::size_t scanned = 0;
  EXPECT_EQ(parser.parse_response(bytes, scanned, method), ParseState::kComplete)
      << bytes << parser.error().reason;
  return parser.response();
}

std::string refusal(std::string_view bytes, Method method = Method::kGet) {
  HeadParser parser;
  std::size_t scanned = 0;
  if (parser.parse_response(bytes, scanned, method) != ParseState::kError) return "";
  return std::string(parser.error().reason);
}

TEST(RequestHead, HasItsParts) {
  HeadParser parser;
  const std::string bytes =
      "POST /a%20b/c?d=e&f HTTP/1.1\r\nHost: Visitors.localhost:8080\r\nContent-Length: 5\r\n"
      "X-Custom:  spaced out \t\r\nCookie: a=1\r\nExpect: 100-Continue\r\n\r\nhello";
  const RequestHead head = request(parser, bytes);
  EXPECT_EQ(head.method, Method::kPost);
  EXPECT_EQ(head.method_text, "POST");
  EXPECT_EQ(head.target, "/a%20b/c?d=e&f");
  EXPECT_EQ(head.path, "/a%20b/c");
  EXPECT_EQ(head.query, "d=e&f");
  EXPECT_EQ(head.host, "Visitors.localhost");
  EXPECT_EQ(head.port, 8080);
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_FALSE(head.upgrade);
  EXPECT_EQ(head.body.kind, Kind::kLength);
  EXPECT_EQ(head.body.length, 5u);
  ASSERT_EQ(head.fields.size(), 5u);
  EXPECT_EQ(head.find("x-custom")->value, "spaced out");
  EXPECT_EQ(head.find("x-custom")->id, FieldId::kOther);
  EXPECT_EQ(head.find(FieldId::kCookie)->value, "a=1");
  EXPECT_EQ(head.find(FieldId::kAccept), nullptr);
  EXPECT_EQ(head.find("accept"), nullptr);
  EXPECT_EQ(parser.consumed(), bytes.size() - 5);
}

TEST(RequestHead, TakesEachFormOfTarget) {
  HeadParser parser;
  auto head = request(parser, "GET http://a:81/x?y?z HTTP/1.1\r\nHost: A:81\r\n\r\n");
  EXPECT_EQ(head.host, "a");
  EXPECT_EQ(head.port, 81);
  EXPECT_EQ(head.path, "/x");
  EXPECT_EQ(head.query, "y?z");
  head = request(parser, "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.path, "/");
  EXPECT_EQ(head.query, "q");
  head = request(parser, "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.path, "*");
  head = request(parser, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(head.path, "*");
  head = request(parser, "CONNECT [::1]:443 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(head.host, "[::1]");
  EXPECT_EQ(head.port, 443);
  EXPECT_EQ(head.path, "");
  head = request(parser, "GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(head.host, "");
}

TEST(RequestHead, SaysWhetherTheConnectionStays) {
  HeadParser parser;
  const auto stays = [&](std::string_view version, std::string_view fields) {
    std::string bytes("GET / HTTP/1.");
    bytes.append(version).append("\r\nHost: a\r\n").append(fields).append("\r\n");
    return request(parser, bytes).keep_alive;
  };
  EXPECT_TRUE(stays("1", ""));
  EXPECT_FALSE(stays("1", "Connection: close\r\n"));
  EXPECT_FALSE(stays("1", "Connection: x, CLOSE\r\n"));
  EXPECT_FALSE(stays("1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_TRUE(stays("1", "Connection: closed\r\n"));
  EXPECT_FALSE(stays("0", ""));
  EXPECT_TRUE(stays("0", "Connection: Keep-Alive\r\n"));
}

TEST(RequestHead, AsksForAnUpgradeOnlyWhenConnectionSaysSo) {
  HeadParser parser;
  EXPECT_TRUE(request(parser,
                      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                      "Upgrade: websocket\r\n\r\n")
                  .upgrade);
  EXPECT_FALSE(request(parser, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").upgrade);
  EXPECT_FALSE(
      request(parser, "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
          .upgrade);
}

TEST(HeadParser, TakesNothingOverFromTheHeadBefore) {
  HeadParser parser;
  request(parser,
          "POST /?q HTTP/1.0\r\nHost: a:1\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
  const auto head = request(parser, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
  EXPECT_EQ(head.query, "");
  EXPECT_EQ(head.port, 0);
  EXPECT_EQ(head.body.kind, Kind::kNone);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.fields.size(), 1u);
}

TEST(HeadParser, KeepsToItsLimits) {
  HeadParser parser({.max_line = 20, .max_bytes = 60, .max_fields = 2});
  std::size_t scanned = 0;
  const auto status = [&](std::string_view bytes) {
    scanned = 0;
    return parser.parse_request(bytes, scanned) == ParseState::kError ? parser.error().status : 0;
  };
  EXPECT_EQ(status("GET /aaaaaa HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n"), 0);
  EXPECT_EQ(status("GET /aaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nB: " + std::string(60, 'x')), 431);
}

TEST(ResponseHead, HasItsParts) {
  HeadParser parser;
  const std::string bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nServer: x\r\n\r\nabc";
  auto head = response(parser, bytes);
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.reason, "Not Found");
  EXPECT_EQ(head.body.kind, Kind::kLength);
  EXPECT_EQ(head.body.length, 3u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.find(FieldId::kServer)->value, "x");
  EXPECT_EQ(parser.consumed(), bytes.size() - 3);

  EXPECT_EQ(response(parser, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").reason, "");
  EXPECT_EQ(response(parser, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").reason, "");
  EXPECT_EQ(response(parser, "HTTP/1.0 999 a\xe4\tb\r\n\r\n").reason, "a\xe4\tb");
}

TEST(ResponseHead, SaysHowItsBodyEnds) {
  HeadParser parser;
  auto head = response(parser, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(head.body.kind, Kind::kChunked);
  head = response(parser, "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(head.body.kind, Kind::kUntilClose);
  EXPECT_FALSE(head.keep_alive);
  head = response(parser, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(head.body.kind, Kind::kNone);
  EXPECT_TRUE(head.keep_alive);
  for (const auto* bodiless : {"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
                               "HTTP/1.1 204 x\r\n\r\n", "HTTP/1.1 100 x\r\n\r\n"}) {
    head = response(parser, bodiless);
    EXPECT_EQ(head.body.kind, Kind::kNone) << bodiless;
    EXPECT_TRUE(head.keep_alive) << bodiless;
  }
  head = response(parser, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::kHead);
  EXPECT_EQ(head.body.kind, Kind::kNone);
  EXPECT_TRUE(head.keep_alive);
  head = response(parser, "HTTP/1.1 200 OK\r\n\r\n", Method::kConnect);
  EXPECT_EQ(head.body.kind, Kind::kNone);
}

TEST(ResponseHead, EndsWithItsConnectionWhereTheCodingIsNone) {
  HeadParser parser;
  const auto head = response(parser, "HTTP/1.1 200 OK\r\nTransfer-Encoding: whatever\r\n\r\n");
  EXPECT_EQ(head.body.kind, BodyFraming::Kind::kUntilClose);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nTransfer-Encoding: a, chunked\r\n\r\n"),
            "unknown transfer coding");
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nTransfer-Encoding: a\r\nContent-Length: 1\r\n\r\n"),
            "both Transfer-Encoding and Content-Length");
}

TEST(ResponseHead, DoesNotTrustAConnectionThatAnnouncesABodyWhereNoneMayBe) {
  HeadParser parser;
  EXPECT_FALSE(response(parser, "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n").keep_alive);
  EXPECT_FALSE(response(parser, "HTTP/1.1 103 x\r\nTransfer-Encoding: chunked\r\n\r\n").keep_alive);
}

TEST(ResponseHead, IsRefusedWhenItCouldBeReadInTwoWays) {
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "both Transfer-Encoding and Content-Length");
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            "more than one Content-Length");
  EXPECT_EQ(refusal("HTTP/1.1 204 x\r\nContent-Length: 1, 1\r\n\r\n"),
            "Content-Length is not a number");
  EXPECT_EQ(refusal("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "Transfer-Encoding in HTTP/1.0");
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
            "unknown transfer coding");
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nA: b\r\n c"), "folded field line");
  EXPECT_EQ(refusal("HTTP/1.1 200 OK\n"), "line ends with LF alone");
  EXPECT_EQ(refusal("\r\nHTTP/1.1 200 OK\r\n"), "no HTTP version");
  EXPECT_EQ(refusal("HTTP/2"), "");  // one byte more decides
  EXPECT_EQ(refusal("HTTP/2.0"), "HTTP version is neither 1.0 nor 1.1");
  EXPECT_EQ(refusal("HTTP/1.1  200 OK\r\n"), "status is not a number from 100 to 999");
  EXPECT_EQ(refusal("HTTP/1.1 99 "), "status is not a number from 100 to 999");
  EXPECT_EQ(refusal("HTTP/1.1 099 "), "status is not a number from 100 to 999");
  EXPECT_EQ(refusal("HTTP/1.1 2000 "), "no space after the status");
  EXPECT_EQ(refusal(std::string_view("HTTP/1.1 200 O\0", 15)), "control byte in the reason");
}

TEST(ChunkedDecoder, GivesDataWithoutCopyingAndKeepsTrailers) {
  ChunkedDecoder decoder;
  const std::string_view input = "5\r\nhello\r\n1\r\n!\r\n0\r\nDigest: x\r\nB:\r\n\r\nGET";
  std::string data;
  std::size_t consumed = 0;
  for (;;) {
    const auto step = decoder.decode(input.substr(consumed));
    if (!step.data.empty()) {
      EXPECT_GE(step.data.data(), input.data());
    }
    data += step.data;
    consumed += step.consumed;
    if (step.state == ParseState::kComplete) break;
    ASSERT_EQ(step.state, ParseState::kIncomplete);
    ASSERT_GT(step.consumed, 0u);
  }
  EXPECT_EQ(data, "hello!");
  EXPECT_EQ(input.substr(consumed), "GET");
  EXPECT_EQ(decoder.trailers(), "Digest: x\r\nB:\r\n");
  EXPECT_EQ(decoder.decode("more").consumed, 0u);

  decoder.reset();
  EXPECT_EQ(decoder.decode("0\r\n\r\n").state, ParseState::kComplete);
  EXPECT_EQ(decoder.trailers(), "");
}

TEST(ChunkedDecoder, CountsLargeChunksWithoutHoldingThem) {
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.decode("fffffffffffffff\r\n").state, ParseState::kIncomplete);
  const std::string piece(1000, 'x');
  EXPECT_EQ(decoder.decode(piece).data, piece);
}

}  // namespace
}  // namespace fairlead::http
