#include "service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service/client_address.h"
#include "service/environment.h"
#include "service/html.h"

namespace fairlead::service {
namespace {

http::Request request_from(std::string peer,
                           std::initializer_list<std::pair<const char*, const char*>> fields) {
  http::Request request;
  request.peer = std::move(peer);
  for (const auto& [name, value] : fields) request.fields.add(name, value);
  return request;
}

std::string client(const http::Request& request,
                   std::string_view trusted = TrustedProxies::kDefault) {
  return client_address(request, TrustedProxies::parse(trusted).value());
}

TEST(CanonicalIp, HasOneSpellingForEachAddress) {
  EXPECT_EQ(canonical_ip("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(canonical_ip("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(canonical_ip("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical_ip("192.0.2.1:1234"), "192.0.2.1");
  EXPECT_EQ(canonical_ip("fe80::1%eth0"), "fe80::1");
  for (const auto* wrong :
       {"", "unknown", "_hidden", "192.0.2.256", "1.2.3", "[::1", "a:b", "01.2.3.4"})
    EXPECT_EQ(canonical_ip(wrong), std::nullopt) << wrong;
}

TEST(ClientAddress, IsThePeerUnlessThatIsTrusted) {
  EXPECT_EQ(client(request_from("203.0.113.9", {{"X-Forwarded-For", "1.1.1.1"}})), "203.0.113.9");
  EXPECT_EQ(client(request_from("203.0.113.9", {{"Forwarded", "for=1.1.1.1"}})), "203.0.113.9");
  EXPECT_EQ(client(request_from("127.0.0.1", {})), "127.0.0.1");
  EXPECT_EQ(client(request_from("unix:", {})), "unix");
}

TEST(ClientAddress, IsWhatTheLastTrustedProxySaid) {
  EXPECT_EQ(client(request_from("127.0.0.1", {{"X-Forwarded-For", "6.6.6.6, 1.1.1.1"}})),
            "1.1.1.1");
  EXPECT_EQ(client(request_from(
                "unix:", {{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "2001:DB8::0:1"}})),
            "2001:db8::1");
  const auto chain = request_from("10.0.0.1", {{"X-Forwarded-For", "6.6.6.6,1.1.1.1,10.1.2.3"}});
  EXPECT_EQ(client(chain, "10.0.0.0/8"), "1.1.1.1");
  EXPECT_EQ(client(chain, "10.0.0.1"), "10.1.2.3");
  EXPECT_EQ(client(chain, "none"), "10.0.0.1");
  EXPECT_EQ(client(chain, "0.0.0.0/0"), "6.6.6.6");
}

TEST(ClientAddress, ReadsForwarded) {
  EXPECT_EQ(
      client(request_from(
          "::1", {{"Forwarded", "for=6.6.6.6, by=1.2.3.4;FOR=\"[2001:db8:0::1]:4711\";x=\",\""}})),
      "2001:db8::1");
  EXPECT_EQ(client(request_from("127.0.0.1", {{"Forwarded", "for=1.1.1.1, for=unknown"}})),
            "127.0.0.1");
  EXPECT_EQ(client(request_from("127.0.0.1", {{"Forwarded", "for=\"1.1.1.1"}})), "127.0.0.1");
}

TEST(ClientAddress, BelievesNeitherOfTwoHeadersThatContradictEachOther) {
  EXPECT_EQ(client(request_from("127.0.0.1",
                                {{"Forwarded", "for=6.6.6.6"}, {"X-Forwarded-For", "1.1.1.1"}})),
            "127.0.0.1");
  EXPECT_EQ(client(request_from("127.0.0.1", {{"Forwarded", "for=\"[2001:db8::1]\""},
                                              {"X-Forwarded-For", "2001:DB8::1"}})),
            "2001:db8::1");
}

TEST(TrustedProxies, RefusesWhatIsNoNetwork) {
  for (const auto* wrong : {"localhost", "10.0.0.0/33", "::/129", "10.0.0.0/x", "1.2.3"})
    EXPECT_FALSE(TrustedProxies::parse(wrong)) << wrong;
  const auto odd = TrustedProxies::parse(" 192.168.128.0/17 , fd00::/9,").value();
  EXPECT_TRUE(odd.contains("192.168.129.1"));
  EXPECT_FALSE(odd.contains("192.168.127.255"));
  EXPECT_TRUE(odd.contains("fd7f::1"));
  EXPECT_FALSE(odd.contains("fd80::1"));
  EXPECT_FALSE(odd.contains("unix:"));
}

TEST(Environment, ReadsNumbersAndFlags) {
  const Environment environment({{"PORT", "80"}, {"EMPTY", ""}, {"WRONG", "8o"}, {"ON", "Yes"}});
  EXPECT_EQ(environment.number("PORT", 1, 0, 65535).value(), 80u);
  EXPECT_EQ(environment.number("EMPTY", 7, 0, 65535).value(), 7u);
  EXPECT_EQ(environment.number("WRONG", 1, 0, 65535).error().message(),
            "WRONG is '8o', it must be a number from 0 to 65535");
  EXPECT_TRUE(environment.flag("ON").value());
  EXPECT_FALSE(environment.flag("EMPTY").value());
  EXPECT_FALSE(environment.flag("WRONG"));
}

TEST(Version, IsSemVer) {
  const auto version = [](std::string text) {
    return version_from_environment(Environment({{"APP_VERSION", std::move(text)}}), "1.0.1");
  };
  EXPECT_EQ(version("").value(), "1.0.1");
  for (const auto* right : {"1.0.1+build.17", "1.0.0-rc.1", "0.0.0", "1.2.3-a-b.0+001"})
    EXPECT_EQ(version(right).value(), right);
  for (const auto* wrong : {"1.0", "v1.0.0", "1.0.1.17", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+"})
    EXPECT_FALSE(version(wrong)) << wrong;
}

TEST(Html, EscapesValuesAndKeepsThePage) {
  EXPECT_EQ(fill_page("<a href=\"{{url}}\">{{name}}</a>{{other}} {{",
                      {{"url", "/\"&"}, {"name", "<b>'{{url}}"}}),
            "<a href=\"/&quot;&amp;\">&lt;b&gt;&#39;{{url}}</a>{{other}} {{");
}

TEST(Html, LinksNeverRunScripts) {
  for (const auto* fine : {"https://example.org/?a:b", "/a:b", "#", "mailto:a@example.org"})
    EXPECT_EQ(safe_link(fine), fine);
  for (const auto* wrong : {"javascript:alert(1)", "JavaScript:x", "data:text/html,x"})
    EXPECT_EQ(safe_link(wrong), "#") << wrong;
}

}  // namespace
}  // namespace fairlead::service
