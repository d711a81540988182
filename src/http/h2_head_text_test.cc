#include "http/h2_head_text.h"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

using namespace std::string_literals;
using Kind = H2HeadText::Kind;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

H2HeadText written(Kind kind, const Fields& fields, bool whole = true, std::size_t max = 1000) {
  H2HeadText head;
  head.begin(kind, max);
  for (const auto& [name, value] : fields) head.add(name, value);
  head.finish(whole);
  return head;
}

Fields get(Fields more = {}) {
  Fields fields = {
      {":method", "GET"}, {":scheme", "https"}, {":authority", "a.b"}, {":path", "/x?y"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

TEST(H2HeadTextTest, WritesARequest) {
  const H2HeadText head = written(Kind::kRequest, get({{"accept", "*/*"}}));
  EXPECT_EQ(head.error().status, 0);
  EXPECT_EQ(head.text(), "GET /x?y HTTP/1.1\r\nhost: a.b\r\naccept: */*\r\n\r\n");
}

TEST(H2HeadTextTest, ABodyWithoutALengthIsChunked) {
  Fields post = get();
  post[0].second = "POST";
  EXPECT_TRUE(
      written(Kind::kRequest, post, false).text().ends_with("transfer-encoding: chunked\r\n\r\n"));
  post.push_back({"content-length", "5"});
  EXPECT_TRUE(written(Kind::kRequest, post, false).text().ends_with("content-length: 5\r\n\r\n"));
}

TEST(H2HeadTextTest, JoinsTheCrumbsOfACookie) {
  const H2HeadText head =
      written(Kind::kRequest, get({{"cookie", "a=1"}, {"accept", "b"}, {"cookie", "c=2"}}));
  EXPECT_TRUE(head.text().ends_with("accept: b\r\ncookie: a=1; c=2\r\n\r\n")) << head.text();
}

TEST(H2HeadTextTest, ExtendedConnectIsAnUpgrade) {
  const H2HeadText head = written(Kind::kRequest,
                                  {{":method", "CONNECT"},
                                   {":protocol", "websocket"},
                                   {":scheme", "https"},
                                   {":path", "/chat"},
                                   {":authority", "a"}},
                                  false);
  EXPECT_EQ(head.protocol(), "websocket");
  EXPECT_EQ(head.text(),
            "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
}

TEST(H2HeadTextTest, NothingBecomesALineThatWasNone) {
  for (const std::string& value : {"a\r\nx: y"s, "a\nb"s, "a\rb"s, "a\0b"s}) {
    EXPECT_EQ(written(Kind::kRequest, get({{"x", value}})).error().status, 400);
    Fields path = get();
    path[3].second = value;
    EXPECT_EQ(written(Kind::kRequest, path).error().status, 400);
  }
  for (const std::string_view name : {"a b", "a:b", "", "a\r\nb"}) {
    EXPECT_EQ(written(Kind::kRequest, get({{name, "x"}})).error().status, 400) << name;
  }
  Fields path = get();
  path[3].second = "/x HTTP/1.1";
  EXPECT_EQ(written(Kind::kRequest, path).error().status, 400);
}

TEST(H2HeadTextTest, HostMustAgreeWithTheAuthority) {
  EXPECT_EQ(written(Kind::kRequest, get({{"host", "A.B"}})).error().status, 0);
  EXPECT_EQ(written(Kind::kRequest, get({{"host", "evil"}})).error().status, 400);
  const H2HeadText only_host = written(
      Kind::kRequest, {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "h"}});
  EXPECT_EQ(only_host.text(), "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
}

TEST(H2HeadTextTest, ALargeHeadIsCountedButNotKept) {
  const std::string large(600, 'a');
  const H2HeadText head = written(Kind::kRequest, get({{"a", large}, {"b", large}, {"c", large}}));
  EXPECT_EQ(head.error().status, 431);
  EXPECT_GT(head.decoded(), 1800u);
  EXPECT_LT(head.text().size(), 1000u);
}

TEST(H2HeadTextTest, WritesResponsesAndTrailers) {
  EXPECT_EQ(written(Kind::kResponse, {{":status", "200"}, {"a", "b"}}, false).text(),
            "HTTP/1.1 200 \r\na: b\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(written(Kind::kResponse, {{":status", "103"}, {"link", "x"}}, false).text(),
            "HTTP/1.1 103 \r\nlink: x\r\n\r\n");
  EXPECT_EQ(written(Kind::kTrailers, {{"grpc-status", "0"}}).text(), "0\r\ngrpc-status: 0\r\n\r\n");
}

}  // namespace
}  // namespace fairlead::http
