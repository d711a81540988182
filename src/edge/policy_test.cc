// What routes ask of the edge beside an origin, as clients see it.
#include <brotli/decode.h>
#include <zlib.h>

#include <fstream>

#include "base/strings.h"
#include "edge/edge_fixture.h"
#include "http/proxy_protocol.h"
#include "http/trace_context.h"

namespace fairlead::edge {
namespace {

// Answers with the request line it got.
void echo(Peer& peer) {
  while (true) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    const std::string line = head.substr(0, head.find("\r\n"));
    peer.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nServer: origin\r\n\r\n{}",
                           line.size(), line));
  }
}

class Policy : public testing::Test {
 protected:
  // An edge with one route, changed by `change`.
  RunningEdge edge(const std::function<void(control::Route&)>& change) {
    control::Snapshot snapshot = snapshot_of({origin_.address()});
    change(snapshot.routes[0]);
    return RunningEdge(std::move(snapshot));
  }
  static std::string get(std::string_view target, std::string_view fields = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: shop.example\r\n{}\r\n", target, fields);
  }

  TestOrigin origin_{echo};
};

TEST_F(Policy, RedirectsFillInWhatWasAsked) {
  const auto running = edge([](control::Route& route) {
    route.pool.clear();
    route.redirect = {"https://www.{host}{path}{query}", 301};
  });
  const std::string answer = running.ask(get("/a/b?c=d"));
  EXPECT_EQ(status_of(answer), 301);
  EXPECT_EQ(field_of(answer, "Location"), "https://www.shop.example/a/b?c=d");
  EXPECT_EQ(origin_.connections(), 0);
}

TEST_F(Policy, RewritesTakeTheNormalizedPrefixOffAndPutAnotherOn) {
  const auto running = edge([](control::Route& route) {
    route.path_prefix = "/api";
    route.strip_prefix = true;
    route.add_prefix = "/v2";
  });
  EXPECT_EQ(body_of(running.ask(get("/api/users?x=1"))), "GET /v2/users?x=1 HTTP/1.1");
  EXPECT_EQ(body_of(running.ask(get("/%61pi/users"))), "GET /v2/users HTTP/1.1");
  EXPECT_EQ(body_of(running.ask(get("/api"))), "GET /v2/ HTTP/1.1");
}

TEST_F(Policy, AddressesAndPasswordsAreAskedForBeforeAnythingElse) {
  const auto strangers = edge([](control::Route& route) { route.access.allow = {"192.0.2.0/24"}; });
  EXPECT_EQ(status_of(strangers.ask(get("/"))), 403);
  const auto known = edge([](control::Route& route) {
    route.access.allow = {"127.0.0.0/8"};
    // "secret", by openssl passwd -5
    route.access.users = {"ada:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"};
  });
  const std::string refused = known.ask(get("/"));
  EXPECT_EQ(status_of(refused), 401);
  EXPECT_TRUE(field_of(refused, "WWW-Authenticate").starts_with("Basic realm=\"restricted\""));
  EXPECT_EQ(status_of(known.ask(get("/", "Authorization: Basic YWRhOndyb25n\r\n"))), 401);
  EXPECT_EQ(status_of(known.ask(get("/", "Authorization: Basic nonsense\r\n"))), 401);
  EXPECT_EQ(status_of(known.ask(get("/", "Authorization: Basic YWRhOnNlY3JldA==\r\n"))), 200);
  EXPECT_EQ(status_of(known.ask(get("/", "Authorization: Basic YWRhOnNlY3JldA==\r\n"))), 200);
}

TEST_F(Policy, AHashOfNoKnownKindIsRefusedWithTheSnapshot) {
  auto running = edge([](control::Route&) {});
  control::Snapshot snapshot = snapshot_of({origin_.address()});
  snapshot.routes[0].access.users = {"ada:secret"};
  const auto applied = running.apply(snapshot);
  ASSERT_FALSE(applied);
  EXPECT_NE(applied.error().message().find("access.users"), std::string::npos);
}

TEST_F(Policy, HeaderRulesReplaceAndRemoveAndDefaultsGiveWay) {
  const auto running = edge([](control::Route& route) {
    route.response_headers = {{"Server", ""}, {"X-Frame-Options", "DENY"}};
    route.security_headers = true;
    route.hsts_s = 3600;
  });
  const std::string answer = running.ask(get("/"));
  EXPECT_EQ(field_of(answer, "Server"), "");
  EXPECT_EQ(field_of(answer, "X-Frame-Options"), "DENY");
  EXPECT_EQ(field_of(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(field_of(answer, "Strict-Transport-Security"), "") << "only over TLS";
  EXPECT_EQ(body_of(answer), "GET / HTTP/1.1");
}

TEST_F(Policy, CrossOriginRequestsAreAnsweredForTheOriginsNamed) {
  const auto running = edge([](control::Route& route) {
    route.cors.origins = {"https://app.example"};
    route.cors.headers = {"X-Token"};
    route.cors.credentials = true;
  });
  const std::string preflight = running.ask(
      "OPTIONS /x HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(status_of(preflight), 204);
  EXPECT_EQ(field_of(preflight, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(field_of(preflight, "Access-Control-Allow-Headers"), "X-Token");
  EXPECT_EQ(origin_.connections(), 0);
  const std::string answer = running.ask(get("/", "Origin: https://app.example\r\n"));
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(field_of(answer, "Access-Control-Allow-Credentials"), "true");
  const std::string other = running.ask(get("/", "Origin: https://evil.example\r\n"));
  EXPECT_EQ(field_of(other, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(status_of(other), 200) << "the browser is who refuses";
}

TEST_F(Policy, ACanaryGetsItsHeaderAndItsShareOfClients) {
  TestOrigin trial(TestOrigin::always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntrial"));
  control::Snapshot snapshot = snapshot_of({origin_.address()});
  control::Pool pool = snapshot.pools[0];
  pool.name = "trial";
  pool.origins[0].id = "trial.1";
  pool.origins[0].address = trial.address();
  snapshot.pools.push_back(pool);
  snapshot.trusted_proxies = {"127.0.0.0/8"};
  snapshot.routes[0].canary = {.pool = "trial", .per_mille = 250, .header = "X-Trial: yes"};
  const RunningEdge running(snapshot);
  EXPECT_EQ(body_of(running.ask(get("/", "X-Trial: yes\r\n"))), "trial");
  int trials = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string client = fmt::format("X-Forwarded-For: 192.0.2.{}\r\n", i);
    const std::string first = body_of(running.ask(get("/", client)));
    trials += first == "trial";
    if (i < 20) {
      EXPECT_EQ(body_of(running.ask(get("/", client))), first) << "the same client stays";
    }
  }
  EXPECT_GT(trials, 25);
  EXPECT_LT(trials, 75);
}

TEST_F(Policy, AMirrorGetsACopyAndItsAnswerIsDropped) {
  std::promise<std::string> seen;
  TestOrigin copy([&](Peer& peer) {
    seen.set_value(peer.read_head());
    peer.write("HTTP/1.1 500 Broken\r\nContent-Length: 4\r\n\r\nsorr");
  });
  control::Snapshot snapshot = snapshot_of({origin_.address()});
  control::Pool pool = snapshot.pools[0];
  pool.name = "copy";
  pool.origins[0].id = "copy.1";
  pool.origins[0].address = copy.address();
  snapshot.pools.push_back(pool);
  snapshot.routes[0].mirror = "copy";
  const RunningEdge running(snapshot);
  EXPECT_EQ(status_of(running.ask(get("/seen"))), 200);
  auto future = seen.get_future();
  ASSERT_EQ(future.wait_for(30s), std::future_status::ready);
  EXPECT_TRUE(future.get().starts_with("GET /seen HTTP/1.1\r\n"));
}

TEST_F(Policy, AStickyCookieKeepsAClientOnItsOrigin) {
  TestOrigin other(echo);
  control::Snapshot snapshot = snapshot_of({origin_.address(), other.address()});
  snapshot.pools[0].sticky_cookie = "at";
  const RunningEdge running(snapshot);
  const std::string first = running.ask(get("/"));
  const std::string cookie = field_of(first, "Set-Cookie");
  EXPECT_TRUE(cookie.starts_with("at="));
  EXPECT_NE(cookie.find("HttpOnly"), std::string::npos);
  const std::string sent = cookie.substr(0, cookie.find(';'));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(
        field_of(running.ask(get("/", fmt::format("Cookie: x=y; {}\r\n", sent))), "Set-Cookie"), "")
        << "it was where it belongs";
  EXPECT_TRUE(
      field_of(running.ask(get("/", "Cookie: at=1234\r\n")), "Set-Cookie").starts_with("at="));
}

TEST_F(Policy, RequestsWaitForAFreeOriginInTheirOrderUpToABound) {
  std::promise<void> go;
  const std::shared_future<void> may = go.get_future().share();
  TestOrigin slow([may](Peer& peer) {
    while (!peer.read_head().empty()) {
      may.wait_for(30s);
      peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  control::Snapshot snapshot = snapshot_of({slow.address()});
  snapshot.pools[0].max_requests = 1;
  snapshot.pools[0].max_waiting = 2;  // of the one loop
  snapshot.loops = 1;
  snapshot.pools[0].max_wait_ms = 30'000;
  const RunningEdge running(snapshot);
  std::atomic<int> refused = 0;
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 8; ++i)
    answers.push_back(std::async(std::launch::async, [&] {
      const int status = status_of(running.get("/"));
      if (status == 503) ++refused;
      return status;
    }));
  // One is being served and two wait: there is no room for the others.
  while (refused < 5) std::this_thread::yield();
  go.set_value();
  int served = 0;
  for (auto& answer : answers) served += answer.get() == 200;
  EXPECT_EQ(served, 3);
  EXPECT_EQ(refused, 5);
}

TEST_F(Policy, ARequestWaitsForAnOriginThatIsStarting) {
  control::Snapshot snapshot = snapshot_of({"127.0.0.1:1"});
  snapshot.pools[0].max_wait_ms = 30'000;
  RunningEdge running(snapshot);
  auto answer = std::async(std::launch::async, [&] { return status_of(running.get("/")); });
  EXPECT_EQ(answer.wait_for(50ms), std::future_status::timeout);
  control::Snapshot next = snapshot_of({origin_.address()});
  next.version = 2;
  next.pools[0].max_wait_ms = 30'000;
  ASSERT_TRUE(running.apply(next));
  EXPECT_EQ(answer.get(), 200);
}

TEST_F(Policy, WhoWaitsTooLongIsTold) {
  control::Snapshot snapshot = snapshot_of({"127.0.0.1:1"});
  snapshot.pools[0].max_wait_ms = 20;
  const RunningEdge running(snapshot);
  EXPECT_EQ(status_of(running.get("/")), 503);
}

TEST_F(Policy, AProxyInFrontTellsTheClientAndNobodyElseMay) {
  TestOrigin seen([](Peer& peer) {
    const std::string head = peer.read_head();
    const std::string client = field_of(head, "X-Forwarded-For");
    peer.write(
        fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", client.size(), client));
  });
  control::Snapshot snapshot = snapshot_of({seen.address()});
  snapshot.listeners[0].proxy_protocol = true;
  snapshot.trusted_proxies = {"127.0.0.0/8"};
  const RunningEdge running(snapshot);
  for (const int version : {1, 2}) {
    Peer peer = running.connect();
    const std::string all = http::proxy_header(version, *io::Address::parse("192.0.2.9:5"),
                                               *io::Address::parse("127.0.0.1:80")) +
                            "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (const char c : all) ASSERT_TRUE(peer.write({&c, 1}));
    EXPECT_EQ(body_of(peer.read_message()), "192.0.2.9");
  }
  Peer without = running.connect();
  without.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(without.closed());
  snapshot.trusted_proxies = {"10.0.0.0/8"};
  const RunningEdge strict(snapshot);
  Peer stranger = strict.connect();
  stranger.write("PROXY TCP4 192.0.2.9 127.0.0.1 5 80\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(stranger.closed());
}

TEST_F(Policy, OriginsAreToldTheClientByAHeaderOnAConnectionOfItsOwn) {
  TestOrigin origin([](Peer& peer) {
    const std::string line = peer.read_line();
    peer.read_head();
    peer.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", line.size(), line));
    peer.closed();
  });
  control::Snapshot snapshot = snapshot_of({origin.address()});
  snapshot.pools[0].proxy_protocol = 1;
  snapshot.pools[0].health.interval = 1h;
  const RunningEdge running(snapshot);
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(body_of(running.get("/")).starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 0 "));
}

TEST_F(Policy, TheEdgeIsASpanOfTheTraceThatComesOrBeginsOne) {
  TestOrigin origin([](Peer& peer) {
    const std::string trace = field_of(peer.read_head(), "traceparent");
    peer.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", trace.size(), trace));
  });
  control::Snapshot snapshot = snapshot_of({origin.address()});
  const std::string sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  {
    const RunningEdge off(snapshot);
    EXPECT_EQ(body_of(off.get("/")), "");
    EXPECT_EQ(body_of(off.ask(get("/", fmt::format("traceparent: {}\r\n", sent)))), sent);
  }
  snapshot.trace_per_mille = 1000;
  const RunningEdge on(snapshot);
  const std::string first = body_of(on.get("/")), second = body_of(on.get("/"));
  ASSERT_TRUE(http::parse_traceparent(first)) << first;
  EXPECT_TRUE(first.ends_with("-01"));
  EXPECT_NE(first.substr(3, 32), second.substr(3, 32));
  const std::string joined = body_of(on.ask(get("/", fmt::format("traceparent: {}\r\n", sent))));
  EXPECT_EQ(joined.substr(0, 36), sent.substr(0, 36));
  EXPECT_NE(joined.substr(36, 16), sent.substr(36, 16)) << "the span is the edge's own";
  EXPECT_TRUE(joined.ends_with("-01"));
  const std::string broken = body_of(on.ask(get("/", "traceparent: 00-nonsense\r\n")));
  EXPECT_TRUE(http::parse_traceparent(broken)) << broken;
}

// ---- compression

std::string gunzip(std::string_view coded) {
  std::string out(1 << 20, '\0');
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

class Compression : public testing::Test {
 protected:
  static TestOrigin::Serve json(std::string more, std::size_t size = 20'000) {
    return TestOrigin::always(
        fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\n{}"
                    "Content-Length: {}\r\n\r\n{}",
                    more, size, std::string(size, 'x')));
  }
  static control::Snapshot compressing(const TestOrigin& origin) {
    control::Snapshot snapshot = snapshot_of({origin.address()});
    snapshot.routes[0].compress = true;
    return snapshot;
  }
  static constexpr std::string_view kAsk =
      "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
};

TEST_F(Compression, MakesTextsSmallerForWhoCanReadIt) {
  TestOrigin origin(json(""));
  const RunningEdge running(compressing(origin));
  Peer peer = running.connect();
  peer.write(kAsk);
  const std::string head = peer.read_head();
  EXPECT_EQ(field_of(head, "Content-Encoding"), "gzip");
  EXPECT_EQ(field_of(head, "Vary"), "Accept-Encoding");
  EXPECT_EQ(field_of(head, "ETag"), "W/\"a\"");
  EXPECT_EQ(field_of(head, "Content-Length"), "");
  const std::string body = peer.read_chunked();
  EXPECT_LT(body.size(), 1000u);
  EXPECT_EQ(gunzip(body), std::string(20'000, 'x'));
  const std::string plain = running.get("/");
  EXPECT_EQ(field_of(plain, "Content-Encoding"), "");
  EXPECT_EQ(field_of(plain, "Vary"), "Accept-Encoding");
  EXPECT_EQ(body_of(plain).size(), 20'000u);
}

TEST_F(Compression, LeavesAloneWhatIsSmallOrCodedOrForbidsIt) {
  for (const auto& serve :
       {json("", 100), json("Content-Encoding: br\r\n"), json("Cache-Control: no-transform\r\n")}) {
    TestOrigin origin(serve);
    const RunningEdge running(compressing(origin));
    const std::string answer = running.ask(kAsk);
    EXPECT_NE(field_of(answer, "Content-Encoding"), "gzip");
    EXPECT_NE(field_of(answer, "Content-Length"), "");
  }
}

TEST_F(Compression, AnEventIsSeenBeforeTheNextOne) {
  std::promise<void> seen;
  TestOrigin origin([&](Peer& peer) {
    peer.read_head();
    peer.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        "\r\n\r\nd\r\ndata: first\n\n\r\n");
    seen.get_future().wait_for(30s);
    peer.write("0\r\n\r\n");
  });
  const RunningEdge running(compressing(origin));
  Peer peer = running.connect();
  peer.write(kAsk);
  EXPECT_EQ(field_of(peer.read_head(), "Content-Encoding"), "gzip");
  std::string coded;
  while (gunzip(coded) != "data: first\n\n") {
    const std::string line = peer.read_line();
    const auto size = parse_unsigned(line.substr(0, line.find('\r')), 16);
    ASSERT_TRUE(size) << "it came only with the end: " << line;
    coded += peer.read(*size);
    peer.read_line();
  }
  seen.set_value();
}

TEST_F(Compression, HeadTellsWhatGetWouldBe) {
  TestOrigin origin(TestOrigin::always(
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20000\r\n\r\n"));
  const RunningEdge running(compressing(origin));
  const std::string answer = running.ask(
      "HEAD / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nConnection: "
      "close\r\n\r\n");
  EXPECT_EQ(field_of(answer, "Content-Encoding"), "gzip");
  EXPECT_EQ(field_of(answer, "Content-Length"), "");
}

// ---- files

class Files : public testing::Test {
 protected:
  Files() : folder_(std::filesystem::temp_directory_path() / fmt::format("files-{}", ::getpid())) {
    std::filesystem::create_directories(folder_ / "sub");
    write("index.html", "<h1>home</h1>");
    write("sub/index.html", "<h1>sub</h1>");
    write("app.js", std::string(300'000, 'j'));
    write("app.js.gz", "pretend gzip");
    write(".secret", "no");
    std::filesystem::create_symlink("/etc/passwd", folder_ / "out");
  }
  ~Files() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name) << content;
  }
  RunningEdge edge(std::string prefix = "/", std::string fallback = "") const {
    control::Snapshot snapshot = snapshot_of({"127.0.0.1:1"});
    snapshot.routes[0].pool.clear();
    snapshot.routes[0].path_prefix = std::move(prefix);
    snapshot.routes[0].files.folder = folder_;
    snapshot.routes[0].files.fallback = std::move(fallback);
    return RunningEdge(std::move(snapshot));
  }
  const std::filesystem::path folder_;
};

TEST_F(Files, AreServedWithTypeAndValidators) {
  const auto running = edge();
  const std::string home = running.get("/");
  EXPECT_EQ(status_of(home), 200);
  EXPECT_EQ(body_of(home), "<h1>home</h1>");
  EXPECT_EQ(field_of(home, "Content-Type"), "text/html; charset=utf-8");
  const std::string etag = field_of(home, "ETag");
  EXPECT_EQ(status_of(running.ask(
                fmt::format("GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: {}\r\n\r\n", etag))),
            304);
  EXPECT_EQ(body_of(running.get("/app.js")), std::string(300'000, 'j'));
  const std::string head =
      running.ask("HEAD /app.js HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(field_of(head, "Content-Length"), "300000");
  EXPECT_EQ(status_of(running.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")), 405);
}

TEST_F(Files, RangesAndVariants) {
  const auto running = edge();
  const std::string part =
      running.ask("GET /index.html HTTP/1.1\r\nHost: h\r\nRange: bytes=4-7\r\n\r\n");
  EXPECT_EQ(status_of(part), 206);
  EXPECT_EQ(body_of(part), "home");
  EXPECT_EQ(field_of(part, "Content-Range"), "bytes 4-7/13");
  const std::string beyond =
      running.ask("GET /index.html HTTP/1.1\r\nHost: h\r\nRange: bytes=99-\r\n\r\n");
  EXPECT_EQ(status_of(beyond), 416);
  EXPECT_EQ(field_of(beyond, "Content-Range"), "bytes */13");
  const std::string packed =
      running.ask("GET /app.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(field_of(packed, "Content-Encoding"), "gzip");
  EXPECT_EQ(field_of(packed, "Vary"), "Accept-Encoding");
  EXPECT_EQ(body_of(packed), "pretend gzip");
}

TEST_F(Files, NothingOutsideAndNothingHidden) {
  const auto running = edge();
  for (const auto* path : {"/out", "/.secret", "/../etc/passwd", "/%2e%2e/etc/passwd",
                           "/sub/..%2f..%2fetc/passwd", "/nothing", "/%00", "/index.html/"})
    EXPECT_EQ(status_of(running.get(path)), 404) << path;
}

TEST_F(Files, FoldersLeadToTheirSlashAndPagesOfAnAppToItsIndex) {
  const auto running = edge("/assets", "index.html");
  const std::string folder = running.get("/assets/sub?x=1");
  EXPECT_EQ(status_of(folder), 301);
  EXPECT_EQ(field_of(folder, "Location"), "/assets/sub/?x=1");
  EXPECT_EQ(body_of(running.get("/assets/sub/")), "<h1>sub</h1>");
  EXPECT_EQ(body_of(running.get("/assets/some/page")), "<h1>home</h1>");
}

}  // namespace
}  // namespace fairlead::edge
