#include "http/h1_writer.h"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

TEST(Writer, WritesHeads) {
  std::string out;
  append_status_line(out, 200);
  append_field(out, "Content-Length", std::uint64_t{18446744073709551615u});
  append_field(out, "X", "a b");
  append_head_end(out);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\nX: a b\r\n\r\n");
  out.clear();
  append_status_line(out, 799);
  EXPECT_EQ(out, "HTTP/1.1 799 \r\n");
  out.clear();
  append_request_line(out, "GET", "/?a");
  EXPECT_EQ(out, "GET /?a HTTP/1.1\r\n");
}

TEST(Writer, WritesChunkSizesInHex) {
  std::string out;
  append_chunk_size(out, 65536);
  append_chunk_size(out, 26);
  EXPECT_EQ(out, "10000\r\n1a\r\n");
}

TEST(Writer, KnowsWhatMayStandInAField) {
  EXPECT_TRUE(is_field_value("a b\t\xe4"));
  EXPECT_TRUE(is_field_value(""));
  EXPECT_FALSE(is_field_value("a\r\nSet-Cookie: b"));
  EXPECT_FALSE(is_field_value(std::string_view("a\0", 2)));
  EXPECT_TRUE(is_field_name("X-Y"));
  EXPECT_FALSE(is_field_name(""));
  EXPECT_FALSE(is_field_name("X Y"));
  EXPECT_FALSE(is_field_name("X:"));
}

TEST(Writer, KnowsWhatBelongsToOneConnection) {
  const auto hop = [](std::string_view name, std::string_view connection) {
    return is_hop_by_hop({name, "", field_id(name)}, connection);
  };
  for (const auto* name :
       {"Connection", "keep-alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade"})
    EXPECT_TRUE(hop(name, "")) << name;
  EXPECT_FALSE(hop("Trailer", ""));
  EXPECT_FALSE(hop("Cookie", ""));
  EXPECT_TRUE(hop("X-Secret", "close , x-secret"));
  EXPECT_FALSE(hop("X-Secret", "x-secrets"));
  EXPECT_FALSE(hop("Host", "host, content-length"));
  EXPECT_FALSE(hop("Content-Length", "host, content-length"));
}

}  // namespace
}  // namespace fairlead::http
