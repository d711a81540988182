#include "http/proxy_protocol.h"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

io::Address at(std::string_view text) { return *io::Address::parse(text); }

TEST(ProxyProtocol, SurvivesTheRoundTripInBothVersionsAndFamilies) {
  for (const int version : {1, 2}) {
    for (const auto& [source, destination] : {std::pair("192.0.2.7:51234", "198.51.100.1:443"),
                                              std::pair("[2001:db8::7]:9", "[::1]:80")}) {
      const std::string bytes =
          proxy_header(version, at(source), at(destination)) + "GET / HTTP/1.1";
      ProxyHeader header;
      ASSERT_EQ(parse_proxy_header(bytes, header), ParseState::kComplete);
      EXPECT_EQ(bytes.substr(header.size), "GET / HTTP/1.1");
      ASSERT_TRUE(header.source);
      EXPECT_EQ(header.source->to_string(), source);
    }
  }
}

TEST(ProxyProtocol, WaitsForTheRestByteByByte) {
  for (const int version : {1, 2}) {
    const std::string whole = proxy_header(version, at("192.0.2.7:5"), at("192.0.2.8:6"));
    ProxyHeader header;
    for (std::size_t size = 0; size < whole.size(); ++size)
      ASSERT_EQ(parse_proxy_header(whole.substr(0, size), header), ParseState::kIncomplete) << size;
    EXPECT_EQ(parse_proxy_header(whole, header), ParseState::kComplete);
  }
}

TEST(ProxyProtocol, AProxyMaySpeakForItself) {
  for (const int version : {1, 2}) {
    ProxyHeader header;
    const std::string bytes = proxy_header(version, at("unix:/a"), at("unix:/b"));
    EXPECT_EQ(parse_proxy_header(bytes, header), ParseState::kComplete);
    EXPECT_EQ(header.size, bytes.size());
    EXPECT_FALSE(header.source);
  }
}

TEST(ProxyProtocol, RefusesEverythingElse) {
  ProxyHeader header;
  using namespace std::string_view_literals;
  for (const auto bytes :
       {"GET / HTTP/1.1\r\n"sv, "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"sv,
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n"sv, "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"sv,
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"sv, "PROXY TCP5 ::1 ::1 1 2\r\n"sv,
        "\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c____________"sv,
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04____"sv, "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"sv})
    EXPECT_EQ(parse_proxy_header(bytes, header), ParseState::kError) << bytes;
  EXPECT_EQ(parse_proxy_header("PROXY " + std::string(110, 'x'), header), ParseState::kError);
}

}  // namespace
}  // namespace fairlead::http
