#include "http/cache_rules.h"

#include <gtest/gtest.h>

#include "http/conditional.h"
#include "http/date.h"
#include "http/h1_parser.h"
#include "http/vary.h"

namespace fairlead::http {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// Fri, 20 Nov 2026 12:00:00 GMT
constexpr sys_seconds kNow{seconds(1'795'176'000)};
constexpr std::string_view kNowText = "Date: Fri, 20 Nov 2026 12:00:00 GMT\r\n";

class Request {
 public:
  explicit Request(std::string fields = {}, std::string line = "GET /a HTTP/1.1")
      : text_(line + "\r\nHost: h\r\n" + fields + "\r\n") {
    std::size_t scanned = 0;
    EXPECT_EQ(parser_.parse_request(text_, scanned), ParseState::kComplete) << text_;
  }
  const RequestHead& head() const { return parser_.request(); }

 private:
  std::string text_;
  HeadParser parser_;
};

class Response {
 public:
  explicit Response(std::string fields, int status = 200)
      : text_(fmt::format("HTTP/1.1 {} X\r\n{}\r\n", status, fields)) {
    std::size_t scanned = 0;
    EXPECT_EQ(parser_.parse_response(text_, scanned, Method::kGet), ParseState::kComplete);
  }
  const ResponseHead& head() const { return parser_.response(); }

 private:
  std::string text_;
  HeadParser parser_;
};

Verdict judge(std::string response, std::string request = {}, CachePolicy policy = {},
              int status = 200) {
  return judge_response(Request(std::move(request)).head(),
                        Response(std::move(response), status).head(), policy, kNow, {});
}
std::uint32_t lifetime(std::string response, CachePolicy policy = {}) {
  return judge(std::move(response), {}, policy).freshness.lifetime;
}
NotStored why(std::string response, std::string request = {}, CachePolicy policy = {},
              int status = 200) {
  return judge(std::move(response), std::move(request), policy, status).why;
}

TEST(Date, ThreeForms) {
  const sys_seconds expected{seconds(784'111'777)};
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), expected);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), expected);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994", kNow), expected);
  EXPECT_EQ(parse_date("SUN, 06 nov 1994 08:49:37 gmt", kNow), expected);
  EXPECT_EQ(parse_date("Thursday, 18-Aug-50 02:01:18 GMT", kNow),
            parse_date("Thu, 18 Aug 2050 02:01:18 GMT", kNow));
}

TEST(Date, RefusesEverythingElse) {
  for (const char* text : {"", "0", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 94 08:49:37 GMT",
                           "Sun 06 Nov 1994 08:49:37 GMT", "Sun, 06  Nov  1994 08:49:37 GMT",
                           "Sun, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT",
                           "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
                           "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37"}) {
    EXPECT_EQ(parse_date(text, kNow), std::nullopt) << text;
  }
}

TEST(CacheControl, Lifetimes) {
  EXPECT_EQ(lifetime("Cache-Control: max-age=3600\r\n"), 3600u);
  EXPECT_EQ(lifetime("Cache-Control: MaX-aGe=\"3600\"\r\n"), 3600u);
  EXPECT_EQ(lifetime("Cache-Control: max-age=003600\r\n"), 3600u);
  EXPECT_EQ(lifetime("Cache-Control: max-age=99999999999\r\n"), CacheDirectives::kMaxDelta);
  EXPECT_EQ(lifetime("Cache-Control: max-age=1, s-maxage=60\r\n"), 60u);
  EXPECT_EQ(lifetime("Cache-Control: max-age=5\r\nCache-Control: max-age=9\r\n"), 5u);
  EXPECT_EQ(lifetime("Cache-Control: x=\"max-age=3600\", max-age=1\r\n"), 1u);
  for (const char* bad : {"max-age=-1", "max-age='60'", "max-age=60.0", "max-age= 60", "max-age=a"})
    EXPECT_EQ(lifetime(fmt::format("Cache-Control: {}\r\n", bad)), 0u) << bad;
  EXPECT_EQ(why("Cache-Control: max-age =60\r\n"), NotStored::kNoFreshness);
}

TEST(CacheControl, Expires) {
  const std::string date(kNowText);
  EXPECT_EQ(lifetime(date + "Expires: Fri, 20 Nov 2026 12:01:00 GMT\r\n"), 60u);
  EXPECT_EQ(lifetime("Date: foo\r\nExpires: Fri, 20 Nov 2026 12:00:10 GMT\r\n"), 10u);
  EXPECT_EQ(lifetime(date + "Expires: 0\r\nCache-Control: max-age=7\r\n"), 7u);
  EXPECT_EQ(why(date + "Expires: 0\r\n"), NotStored::kStale);
  EXPECT_EQ(why(date + "Expires: Fri, 20 Nov 2026 11:00:00 GMT\r\n"), NotStored::kStale);
}

TEST(CacheControl, TargetedAtUs) {
  EXPECT_EQ(lifetime("CDN-Cache-Control: max-age=60\r\nCache-Control: no-store\r\n"), 60u);
  EXPECT_EQ(lifetime("CDN-Cache-Control: a=(1 \"b\";c);d=?0, max-age=60\r\n"), 60u);
  EXPECT_EQ(lifetime("CDN-Cache-Control: max-age=60\r\nExpires: 0\r\n"), 60u);
  EXPECT_EQ(why("CDN-Cache-Control: private\r\nCache-Control: max-age=60\r\n"),
            NotStored::kPrivate);
  EXPECT_EQ(why("CDN-Cache-Control: no-store\r\nCache-Control: max-age=60\r\n"),
            NotStored::kNoStore);
  // Not a structured field: as if it were not there.
  for (const char* bad :
       {"max-age=60, &&&", "max-age=\"60\"", "max-age =60", "MaX-aGe=60", "max-age=60,",
        "max-age=1234567890123456", "max-age=60, a=\"", "max-age=?1", ""}) {
    EXPECT_EQ(why(fmt::format("CDN-Cache-Control: {}\r\nCache-Control: no-store\r\n", bad)),
              NotStored::kNoStore)
        << bad;
  }
}

TEST(CacheRules, WhatIsNotStored) {
  const std::string fresh = "Cache-Control: max-age=60\r\n";
  EXPECT_EQ(why(fresh), NotStored::kStored);
  EXPECT_EQ(why(""), NotStored::kNoFreshness);
  EXPECT_EQ(why("ETag: \"a\"\r\n"), NotStored::kNoFreshness);
  EXPECT_EQ(why("Cache-Control: no-store, max-age=60\r\n"), NotStored::kNoStore);
  EXPECT_EQ(why("Cache-Control: private, max-age=60\r\n"), NotStored::kPrivate);
  EXPECT_EQ(why("Cache-Control: private=\"x\", max-age=60\r\n"), NotStored::kStored);
  EXPECT_EQ(why(fresh + "Vary: a\r\nVary: , *\r\n"), NotStored::kVariesOnAll);
  EXPECT_EQ(why(fresh + "Vary: a, b:c\r\n"), NotStored::kVariesOnAll);
  EXPECT_EQ(why(fresh, {}, {}, 206), NotStored::kStatus);
  EXPECT_EQ(why(fresh, {}, {}, 304), NotStored::kStatus);
  EXPECT_EQ(why(fresh, {}, {}, 599), NotStored::kStored);
  EXPECT_EQ(why("Cache-Control: max-age=60, no-store, must-understand\r\n"), NotStored::kStored);
  EXPECT_EQ(why("Cache-Control: max-age=60, no-store, must-understand\r\n", {}, {}, 599),
            NotStored::kStatus);
  EXPECT_EQ(why("Cache-Control: no-cache\r\n"), NotStored::kStale);
  EXPECT_EQ(why("Cache-Control: no-cache\r\nETag: \"a\"\r\n"), NotStored::kStored);
  EXPECT_EQ(why("Cache-Control: max-age=0, stale-while-revalidate=9\r\n"), NotStored::kStored);
}

TEST(CacheRules, AuthenticatedAnswersAreSharedOnlyWhereTheySaySo) {
  const std::string auth = "Authorization: Basic x\r\n";
  EXPECT_EQ(why("Cache-Control: max-age=60\r\n", auth), NotStored::kAuthorization);
  EXPECT_EQ(why("Cache-Control: max-age=60, public\r\n", auth), NotStored::kStored);
  EXPECT_EQ(why("Cache-Control: max-age=60, must-revalidate\r\n", auth), NotStored::kStored);
  EXPECT_EQ(why("Cache-Control: s-maxage=60\r\n", auth), NotStored::kStored);
  EXPECT_EQ(why("", auth, {.ttl = 60s}), NotStored::kAuthorization);
}

TEST(CacheRules, RoutesMayGiveLifetimes) {
  const CachePolicy ttl{.ttl = 60s};
  EXPECT_EQ(lifetime("", ttl), 60u);
  EXPECT_EQ(lifetime("Cache-Control: max-age=5\r\n", ttl), 5u);
  EXPECT_EQ(why("Set-Cookie: a=b\r\n", {}, ttl), NotStored::kSetCookie);
  EXPECT_EQ(why("Set-Cookie: a=b\r\nCache-Control: max-age=5\r\n", {}, ttl), NotStored::kStored);
  EXPECT_EQ(why("", {}, ttl, 500), NotStored::kNoFreshness);
  const CachePolicy guess{.heuristic = true};
  const std::string modified =
      std::string(kNowText) + "Last-Modified: Fri, 20 Nov 2026 11:00:00 GMT\r\n";
  EXPECT_EQ(lifetime(modified, guess), 360u);
  EXPECT_EQ(why(modified), NotStored::kNoFreshness);
  EXPECT_EQ(why(modified, {}, guess, 403), NotStored::kNoFreshness);
  EXPECT_EQ(why(modified + "Cache-Control: public\r\n", {}, guess, 599), NotStored::kStored);
}

TEST(CacheRules, PostIsStoredWhenItNamesItself) {
  const Request post({}, "POST /a HTTP/1.1");
  const Response itself("Cache-Control: max-age=60\r\nContent-Location: /a\r\n");
  const Response other("Cache-Control: max-age=60\r\nContent-Location: /b\r\n");
  const Response mute("Content-Location: /a\r\n");
  const auto verdict = [&](const Response& r, CachePolicy p = {}) {
    return judge_response(post.head(), r.head(), p, kNow, {}).why;
  };
  EXPECT_EQ(verdict(itself), NotStored::kStored);
  EXPECT_EQ(verdict(other), NotStored::kMethod);
  EXPECT_EQ(verdict(mute, {.ttl = 60s}), NotStored::kMethod);
}

TEST(CacheRules, Age) {
  const auto age = [](std::string fields) {
    return judge(std::string(kNowText) + "Cache-Control: max-age=9\r\n" + fields).initial_age;
  };
  EXPECT_EQ(age(""), 0s);
  EXPECT_EQ(age("Age: 7\r\n"), 7s);
  EXPECT_EQ(age("Age: 7, 0\r\n"), 7s);
  EXPECT_EQ(age("Age: 0\r\nAge: 7\r\n"), 0s);
  for (const char* bad : {"abc", "-7", "7.0", "7;a=b"})
    EXPECT_EQ(age(fmt::format("Age: {}\r\n", bad)), 0s) << bad;
  EXPECT_EQ(age("Age: 99999999999\r\n"), seconds(CacheDirectives::kMaxDelta));
  // What the origin's clock says counts where it is more.
  EXPECT_EQ(
      judge("Date: Fri, 20 Nov 2026 11:59:00 GMT\r\nCache-Control: max-age=90\r\n").initial_age,
      59s);
}

TEST(CacheRules, Reuse) {
  const Freshness f{.lifetime = 60, .stale_while_revalidate = 30, .stale_if_error = 10};
  EXPECT_EQ(judge_reuse(f, 59s, {}), Reuse::kFresh);
  EXPECT_EQ(judge_reuse(f, 60s, {}), Reuse::kStaleWhileRevalidate);
  EXPECT_EQ(judge_reuse(f, 90s, {}), Reuse::kValidate);
  Freshness strict = f;
  strict.never_stale = true;
  EXPECT_EQ(judge_reuse(strict, 60s, {}), Reuse::kValidate);
  EXPECT_FALSE(may_serve_on_error(strict, 60s, true));
  Freshness asking = f;
  asking.validate_always = true;
  EXPECT_EQ(judge_reuse(asking, 0s, {}), Reuse::kValidate);
  EXPECT_TRUE(may_serve_on_error(f, 69s, false));
  EXPECT_FALSE(may_serve_on_error(f, 70s, false));
  EXPECT_TRUE(may_serve_on_error(f, 70s, true));
  EXPECT_FALSE(may_serve_on_error(f, 60s + kDisconnectedGrace, true));
}

TEST(CacheRules, WishesOfRequests) {
  const CachePolicy honour{.honour_request = true};
  const Freshness f{.lifetime = 60};
  const auto reuse = [&](std::string fields, Duration age) {
    return judge_reuse(f, age, wishes_of(Request(std::move(fields)).head(), honour));
  };
  EXPECT_EQ(reuse("Cache-Control: no-cache\r\n", 0s), Reuse::kValidate);
  EXPECT_EQ(reuse("Pragma: no-cache\r\n", 0s), Reuse::kValidate);
  EXPECT_EQ(reuse("Pragma: no-cache\r\nCache-Control: x\r\n", 0s), Reuse::kFresh);
  EXPECT_EQ(reuse("Cache-Control: max-age=5\r\n", 6s), Reuse::kValidate);
  EXPECT_EQ(reuse("Cache-Control: min-fresh=30\r\n", 31s), Reuse::kValidate);
  EXPECT_EQ(reuse("Cache-Control: max-stale=30\r\n", 90s), Reuse::kFresh);
  EXPECT_EQ(reuse("Cache-Control: max-stale\r\n", 9000s), Reuse::kFresh);
  const Request impatient("Cache-Control: no-cache\r\n");
  EXPECT_FALSE(wishes_of(impatient.head(), {}).no_cache);
}

TEST(CacheRules, StoredFields) {
  const Response answer("Cache-Control: no-cache=\"a, B\"\r\n");
  const CacheDirectives directives = parse_cache_control(answer.head().fields);
  const auto stored = [&](std::string line) {
    const Response response(std::move(line));
    return is_stored_field(response.head().fields[0], "x", directives);
  };
  for (const char* line : {"Age: 1\r\n", "Connection: x\r\n", "X: 1\r\n", "A: 1\r\n", "b: 1\r\n",
                           "Keep-Alive: 1\r\n", "Proxy-Authentication-Info: 1\r\n"})
    EXPECT_FALSE(stored(line)) << line;
  for (const char* line : {"ETag: 1\r\n", "C: 1\r\n", "Set-Cookie: a=b\r\n"})
    EXPECT_TRUE(stored(line)) << line;
}

TEST(Vary, SelectsByNamedFields) {
  const auto selected = [](std::string vary, std::string first, std::string second,
                           std::string_view language = {}) {
    std::string scratch;
    const std::string key =
        vary_key(Response("Vary: " + vary + "\r\n").head().fields, Request(first).head().fields);
    return selects(key, language, Request(second).head().fields, scratch);
  };
  EXPECT_TRUE(selected("Foo", "Foo: 1\r\n", "foo: 1\r\nOther: 2\r\n"));
  EXPECT_FALSE(selected("Foo", "Foo: 1\r\n", "Foo: 2\r\n"));
  EXPECT_FALSE(selected("Foo", "Foo: 1\r\n", ""));
  EXPECT_FALSE(selected("Foo", "", "Foo: 1\r\n"));
  EXPECT_FALSE(selected("Foo, Bar", "Foo: 1\r\nBar: a\r\n", "Foo: 1\r\nBar: b\r\n"));
  EXPECT_TRUE(selected("Foo, Bar", "Foo: 1\r\n", "Foo: 1\r\n"));
  EXPECT_TRUE(selected("Foo", "Foo: 1, 2\r\n", "Foo: 1\r\nFoo: 2\r\n"));
  EXPECT_TRUE(selected("Foo", "Foo: 1,2\r\n", "Foo:  1, 2 \r\n"));
  EXPECT_FALSE(selected("Foo", "Foo: \"1,2\"\r\n", "Foo: \"1, 2\"\r\n"));
  const std::string en_de = "Accept-Language: en, de\r\n";
  EXPECT_TRUE(selected("Accept-Language", en_de, "Accept-Language:  De ,   eN\r\n"));
  EXPECT_FALSE(selected("Accept-Language", en_de, "Accept-Language: fr, de\r\n"));
  const std::string likes_de = "Accept-Language: fr;q=0.5, de;q=1.0\r\n";
  EXPECT_TRUE(selected("Accept-Language", en_de, likes_de, "de"));
  EXPECT_FALSE(selected("Accept-Language", en_de, likes_de, "fr"));
  EXPECT_FALSE(selected("Accept-Encoding", "Accept-Encoding: gzip\r\n", ""));
}

TEST(Conditional, NotModified) {
  const Response stored("ETag: W/\"a,b\"\r\nLast-Modified: Fri, 20 Nov 2026 11:00:00 GMT\r\n");
  const Validators validators = validators_of(stored.head(), kNow);
  const auto is_304 = [&](std::string fields) {
    return not_modified(Request(std::move(fields)).head(), validators, kNow);
  };
  const std::string old = "If-Modified-Since: Fri, 20 Nov 2026 10:00:00 GMT\r\n";
  const std::string same = "If-Modified-Since: Friday, 20-Nov-26 11:00:00 GMT\r\n";
  EXPECT_TRUE(is_304("If-None-Match: \"x\", \"a,b\"\r\n"));
  EXPECT_TRUE(is_304("If-None-Match: \"x\"\r\nIf-None-Match: W/\"a,b\"\r\n"));
  EXPECT_TRUE(is_304("If-None-Match: *\r\n"));
  EXPECT_TRUE(is_304("If-None-Match: \"a,b\"\r\n" + old));
  EXPECT_FALSE(is_304("If-None-Match: \"x\"\r\n" + same));
  EXPECT_FALSE(is_304("If-None-Match: \"a\r\n"));
  EXPECT_TRUE(is_304(same));
  EXPECT_FALSE(is_304(old));
  EXPECT_FALSE(is_304("If-Modified-Since: tomorrow\r\n"));
}

TEST(Conditional, Ranges) {
  const Response stored("ETag: \"a\"\r\nLast-Modified: Fri, 20 Nov 2026 11:00:00 GMT\r\n");
  const Validators validators = validators_of(stored.head(), kNow);
  const auto range = [&](std::string value, std::uint64_t length = 10, std::string more = {}) {
    const Request request("Range: " + value + "\r\n" + more);
    const RangeAnswer a = judge_range(request.head(), length, validators, kNow);
    if (a.kind == RangeAnswer::Kind::kWhole) return std::string("whole");
    if (a.kind == RangeAnswer::Kind::kUnsatisfiable) return std::string("none");
    return fmt::format("{}-{}", a.range.first, a.range.last);
  };
  EXPECT_EQ(range("bytes=0-1"), "0-1");
  EXPECT_EQ(range("Bytes=1-"), "1-9");
  EXPECT_EQ(range("bytes=5-99"), "5-9");
  EXPECT_EQ(range("bytes=-3"), "7-9");
  EXPECT_EQ(range("bytes=-99"), "0-9");
  EXPECT_EQ(range("bytes=10-"), "none");
  EXPECT_EQ(range("bytes=-0"), "none");
  EXPECT_EQ(range("bytes=0-", 0), "none");
  for (const char* text : {"bytes=2-1", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b",
                           "bytes=", "bytes=-", "bytes=99999999999999999999-"})
    EXPECT_EQ(range(text), "whole") << text;
  EXPECT_EQ(range("bytes=0-1", 10, "If-Range: \"a\"\r\n"), "0-1");
  EXPECT_EQ(range("bytes=0-1", 10, "If-Range: W/\"a\"\r\n"), "whole");
  EXPECT_EQ(range("bytes=0-1", 10, "If-Range: \"b\"\r\n"), "whole");
  EXPECT_EQ(range("bytes=0-1", 10, "If-Range: Fri, 20 Nov 2026 11:00:00 GMT\r\n"), "0-1");
  EXPECT_EQ(range("bytes=0-1", 10, "If-Range: Fri, 20 Nov 2026 11:00:01 GMT\r\n"), "whole");
}

}  // namespace
}  // namespace fairlead::http
