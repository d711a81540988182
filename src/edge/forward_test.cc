#include "edge/forward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/h1_parser.h"

namespace fairlead::edge {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr ClientFacts kStranger{.address = "203.0.113.9"};
constexpr ClientFacts kProxy{.address = "10.0.0.1", .trusted = true, .tls = true};

std::string forwarded(std::string_view request, const ClientFacts& client, bool upgrade = false) {
  http::HeadParser parser;
  std::size_t scanned = 0;
  EXPECT_EQ(parser.parse_request(request, scanned), http::ParseState::kComplete)
      << parser.error().reason;
  RequestText text;
  write_request_head(text, parser.request(), client, "new-id", upgrade);
  return text.bytes;
}

TEST(RequestHead, TellsTheOriginAboutTheClient) {
  EXPECT_EQ(forwarded("GET /p?q=1 HTTP/1.1\r\nHost: shop.example:8080\r\nAccept:  */* \r\n\r\n",
                      kStranger),
            "GET /p?q=1 HTTP/1.1\r\n"
            "Host: shop.example:8080\r\n"
            "Accept: */*\r\n"
            "X-Forwarded-For: 203.0.113.9\r\n"
            "X-Forwarded-Proto: http\r\n"
            "X-Forwarded-Host: shop.example:8080\r\n"
            "Forwarded: for=203.0.113.9;host=\"shop.example:8080\";proto=http\r\n"
            "Via: 1.1 fairlead\r\n"
            "X-Request-ID: new-id\r\n\r\n");
}

TEST(RequestHead, DoesNotBelieveStrangers) {
  const std::string head = forwarded(
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
      "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Request-ID: chosen\r\n"
      "X_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\r\n",
      kStranger);
  EXPECT_THAT(head, Not(HasSubstr("6.6.6.6")));
  EXPECT_THAT(head, Not(HasSubstr("evil")));
  EXPECT_THAT(head, Not(HasSubstr("chosen")));
  EXPECT_THAT(head, Not(HasSubstr("https")));
}

TEST(RequestHead, ExtendsWhatTrustedProxiesSay) {
  const std::string head = forwarded(
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"
      "Forwarded: for=1.1.1.1\r\nX-Forwarded-Proto: http\r\nX-Request-ID: abc-1\r\n"
      "Via: 2 front\r\n\r\n",
      kProxy);
  EXPECT_THAT(head, HasSubstr("X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1\r\n"));
  EXPECT_THAT(head, HasSubstr("Forwarded: for=1.1.1.1, for=10.0.0.1;host=\"h\";proto=https\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Proto: http\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Forwarded-Host: h\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Request-ID: abc-1\r\n"));
  EXPECT_THAT(head, HasSubstr("Via: 2 front, 1.1 fairlead\r\n"));
}

TEST(RequestHead, ReplacesAnUnusableRequestId) {
  EXPECT_THAT(forwarded("GET / HTTP/1.1\r\nHost: h\r\nX-Request-ID: a b\"c\r\n\r\n", kProxy),
              HasSubstr("X-Request-ID: new-id\r\n"));
}

TEST(RequestHead, QuotesIpv6AndKnowsUnixClients) {
  EXPECT_THAT(forwarded("GET / HTTP/1.1\r\nHost: h\r\n\r\n", {.address = "2001:db8::1"}),
              HasSubstr("Forwarded: for=\"[2001:db8::1]\";"));
  const std::string local = forwarded("GET / HTTP/1.1\r\nHost: h\r\n\r\n", {});
  EXPECT_THAT(local, HasSubstr("Forwarded: for=unknown;"));
  EXPECT_THAT(local, Not(HasSubstr("X-Forwarded-For")));
}

TEST(RequestHead, EndsHopByHopFieldsHere) {
  const std::string head = forwarded(
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\n"
      "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\n"
      "Upgrade: websocket\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nX-Public: 2\r\n\r\n",
      kStranger);
  for (const char* gone : {"X-Private", "Connection", "Keep-Alive", "TE:", "Upgrade"}) {
    EXPECT_THAT(head, Not(HasSubstr(gone)));
  }
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head, HasSubstr("Trailer: X-Sum\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Public: 2\r\n"));
}

TEST(RequestHead, PassesAnUpgradeWhenAsked) {
  const std::string head =
      forwarded("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                kStranger, true);
  EXPECT_THAT(head, HasSubstr("Connection: upgrade\r\nUpgrade: websocket\r\n"));
}

TEST(RequestHead, TurnsAbsoluteFormIntoOriginForm) {
  const std::string head = forwarded(
      "GET http://real.example:81/x?y HTTP/1.1\r\nHost: real.example:81\r\n\r\n", kStranger);
  EXPECT_THAT(head, testing::StartsWith("GET /x?y HTTP/1.1\r\nHost: real.example:81\r\n"));
}

TEST(RequestHead, RemembersTheWordsOfTheRecord) {
  http::HeadParser parser;
  std::size_t scanned = 0;
  parser.parse_request(
      "GET /a/b?secret HTTP/1.1\r\nX-A:1\r\nHost: h:1\r\nUser-Agent:  curl/8 \r\n\r\n", scanned);
  RequestText text;
  write_request_head(text, parser.request(), kStranger, "id-7", false);
  EXPECT_EQ(text.view(text.method), "GET");
  EXPECT_EQ(text.view(text.path), "/a/b");
  EXPECT_EQ(text.view(text.host), "h:1");
  EXPECT_EQ(text.view(text.user_agent), "curl/8");
  EXPECT_EQ(text.view(text.id), "id-7");
}

std::string answered(std::string_view response, http::Method method, ResponseForm form) {
  http::HeadParser parser;
  std::size_t scanned = 0;
  EXPECT_EQ(parser.parse_response(response, scanned, method), http::ParseState::kComplete);
  std::string out;
  append_response_head(out, parser.response(), form, "id-7");
  return out;
}

TEST(ResponseHead, IsFramedAnew) {
  using Kind = http::BodyFraming::Kind;
  EXPECT_EQ(answered("HTTP/1.1 200 Fine\r\nServer: o\r\nTransfer-Encoding: chunked\r\n"
                     "Connection: close, X-Hop\r\nX-Hop: 1\r\nX-Request-ID: theirs\r\n"
                     "Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
                     http::Method::kGet, {.body = {Kind::kChunked, 0}}),
            "HTTP/1.1 200 OK\r\nServer: o\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
            "Transfer-Encoding: chunked\r\nX-Request-ID: id-7\r\n\r\n");
}

TEST(ResponseHead, KeepsTheLengthThatHeadAnd304Tell) {
  EXPECT_THAT(answered("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n", http::Method::kHead, {}),
              HasSubstr("Content-Length: 17\r\n"));
  EXPECT_THAT(
      answered("HTTP/1.1 304 Not Modified\r\nContent-Length: 17\r\n\r\n", http::Method::kGet, {}),
      HasSubstr("Content-Length: 17\r\n"));
}

TEST(ForwardedClient, IsTheLastAddressThatIsNotOurs) {
  const AddressSet trusted = *AddressSet::parse({"10.0.0.0/8"});
  const auto client = [&](std::string_view fields) {
    http::HeadParser parser;
    std::size_t scanned = 0;
    const std::string head = fmt::format("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", fields);
    parser.parse_request(head, scanned);
    return std::string(forwarded_client(parser.request(), trusted));
  };
  EXPECT_EQ(client("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9\r\n"), "1.2.3.4");
  EXPECT_EQ(client("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 10.0.0.9\r\n"), "1.2.3.4");
  EXPECT_EQ(client("X-Forwarded-For: 10.0.0.8, 10.0.0.9\r\n"), "10.0.0.8");
  EXPECT_EQ(client(""), "");
}

}  // namespace
}  // namespace fairlead::edge
