#include "io/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>

#include "base/file.h"
#include "io/tls.h"

namespace fairlead::io {
namespace {

class StreamTest : public testing::Test {
 protected:
  StreamTest()
      : loop(Loop::create().value()), folder("/tmp/fairlead-io-" + std::to_string(::getpid())) {
    EXPECT_TRUE(make_directories(folder, 0700));
  }
  ~StreamTest() override { std::filesystem::remove_all(folder); }

  std::unique_ptr<Loop> loop;
  std::filesystem::path folder;
};

Deadline soon() { return Deadline::in(20s); }

// Echoes until the other side ends.
Task<void> echo(Stream stream) {
  char buffer[4096];
  for (;;) {
    auto n = co_await stream.read(buffer, soon());
    EXPECT_TRUE(n) << n.error().message();
    if (!n || *n == 0) co_return;
    EXPECT_TRUE(co_await stream.write(std::string_view(buffer, *n), soon()));
  }
}

Task<void> accept_and_echo(Listener& listener) {
  auto stream = co_await listener.accept(soon());
  EXPECT_TRUE(stream);
  co_await echo(*std::move(stream));
}

Task<void> write_and_end(Stream& stream, const std::string& text) {
  EXPECT_TRUE(co_await stream.write(text, soon()));
  stream.shutdown_write();
}

Task<std::string> read_all(Stream& stream) {
  std::string all;
  char buffer[3000];
  for (;;) {
    auto n = co_await stream.read(buffer, soon());
    EXPECT_TRUE(n) << n.error().message();
    if (!n || *n == 0) co_return all;
    all.append(buffer, *n);
  }
}

// Sends `text` while reading what comes back: more than the kernel's buffers, so both sides must
// wait.
Task<std::string> round_trip(Loop& loop, Stream stream, std::string text) {
  Gate gate(loop);
  gate.spawn(write_and_end(stream, text));
  std::string back = co_await read_all(stream);
  EXPECT_TRUE(co_await gate.drained(soon()));
  co_return back;
}

Task<std::string> through_listener(Loop& loop, Listener& listener, std::string text) {
  Gate gate(loop);
  gate.spawn(accept_and_echo(listener));
  auto stream = co_await connect(loop, listener.address(), soon());
  EXPECT_TRUE(stream) << stream.error().message();
  std::string back = co_await round_trip(loop, *std::move(stream), std::move(text));
  EXPECT_TRUE(co_await gate.drained(soon()));
  co_return back;
}

std::string megabytes(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; text.size() < count << 20; ++i) text += std::to_string(i);
  return text;
}

TEST_F(StreamTest, CarriesBytesBothWaysOverTcpAndUnixSockets) {
  const std::string text = megabytes(3);
  for (const Address& address :
       {Address::parse("127.0.0.1:0").value(), Address::parse("[::1]:0").value(),
        Address::unix_path((folder / "s").string()).value()}) {
    Listener listener(*loop, listen(address).value());
    EXPECT_EQ(block_on(*loop, through_listener(*loop, listener, text)), text)
        << address.to_string();
  }
}

TEST_F(StreamTest, CarriesBytesBothWaysOverTls) {
  const CertificateFiles files{folder / "cert.pem", folder / "key.pem"};
  ASSERT_TRUE(write_self_signed(files, {"visitors.localhost", "127.0.0.1"}, 24h));
  const TlsContext server = TlsContext::server({files}, {"http/1.1"}).value();
  const TlsContext client = TlsContext::client(files.certificate, {"http/1.1"}).value();
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
  Gate gate(*loop);
  UniqueFd server_fd(pair[0]), client_fd(pair[1]);
  SslPtr server_session = server.make_server_session(server_fd.get()).value();
  SslPtr client_session = client.make_client_session(client_fd.get(), "visitors.localhost").value();
  gate.spawn(
      echo(Stream(*loop, Transport(std::move(server_fd), std::move(server_session)), Address())));
  const std::string text = megabytes(2);
  EXPECT_EQ(
      block_on(*loop,
               round_trip(*loop,
                          Stream(*loop, Transport(std::move(client_fd), std::move(client_session)),
                                 Address()),
                          text)),
      text);
  EXPECT_TRUE(block_on(*loop, gate.drained(soon())));
}

// Both ends of a handshake; what the client's end says.
Task<void> accept_handshake(Listener& listener, const TlsContext& tls, std::string& server_name) {
  auto stream = co_await listener.accept(soon());
  EXPECT_TRUE(stream);
  EXPECT_TRUE(stream->start_tls(tls));
  if (co_await stream->handshake(soon())) server_name = stream->transport().server_name();
}

Task<Result<std::string>> connect_handshake(Loop& loop, Listener& listener,
                                            const TlsContext& server, const TlsContext& client,
                                            std::string host) {
  Gate gate(loop);
  std::string server_name;
  gate.spawn(accept_handshake(listener, server, server_name));
  auto stream = co_await connect_tls(loop, listener.address(), client, host, soon());
  EXPECT_TRUE(co_await gate.drained(soon()));
  if (!stream) co_return fail(std::move(stream).error());
  co_return std::string(stream->transport().alpn()) + " " +
      std::string(stream->transport().tls_version()) + " " + server_name;
}

TEST_F(StreamTest, VerifiesNamesAndChoosesCertificatesBySni) {
  const CertificateFiles one{folder / "1.pem", folder / "1.key"},
      two{folder / "2.pem", folder / "2.key"};
  ASSERT_TRUE(write_self_signed(one, {"one.localhost", "127.0.0.1"}, 24h));
  ASSERT_TRUE(write_self_signed(two, {"*.two.localhost"}, 24h));
  const TlsContext server = TlsContext::server({one, two}, {"h2", "http/1.1"}).value();
  const TlsContext trusts_one = TlsContext::client(one.certificate, {"http/1.1"}).value();
  const TlsContext trusts_two = TlsContext::client(two.certificate, {"h2"}).value();
  Listener listener(*loop, listen(Address::parse("127.0.0.1:0").value()).value());
  const auto handshake = [&](const TlsContext& client, const char* host) {
    return block_on(*loop, connect_handshake(*loop, listener, server, client, host));
  };
  EXPECT_EQ(handshake(trusts_one, "one.localhost").value(), "http/1.1 TLSv1.3 one.localhost");
  EXPECT_EQ(handshake(trusts_one, "127.0.0.1").value(), "http/1.1 TLSv1.3 ");
  EXPECT_EQ(handshake(trusts_two, "A.Two.localhost").value(), "h2 TLSv1.3 A.Two.localhost");
  EXPECT_EQ(handshake(trusts_two, "one.localhost").error().code(), Code::kProtocol);
  EXPECT_EQ(handshake(trusts_one, "wrong.localhost").error().code(), Code::kProtocol);
  EXPECT_NEAR(
      static_cast<double>((certificate_expiry(one.certificate).value() - wall_now()).count()),
      24 * 3600e9, 60e9);
}

TEST_F(StreamTest, ReadGivesUpAtItsDeadline) {
  Listener listener(*loop, listen(Address::unix_path((folder / "s").string()).value()).value());
  Stream stream = block_on(*loop, connect(*loop, listener.address(), soon())).value();
  char buffer[8];
  EXPECT_EQ(block_on(*loop, stream.read(buffer, Deadline::in(2ms))).error().code(), Code::kTimeout);
}

TEST_F(StreamTest, SaysWhyItCannotConnectOrListen) {
  const Address address = Address::unix_path((folder / "none").string()).value();
  EXPECT_EQ(block_on(*loop, connect(*loop, address, soon())).error().code(), Code::kNotFound);
  UniqueFd busy = listen(Address::parse("127.0.0.1:0").value()).value();
  const auto again = listen(local_address(busy.get()).value());
  EXPECT_EQ(again.error().code(), Code::kExists);
  EXPECT_THAT(again.error().message(), testing::HasSubstr("cannot listen on 127.0.0.1:"));
  const Address refused = local_address(busy.get()).value();
  busy.reset();
  EXPECT_EQ(block_on(*loop, connect(*loop, refused, soon())).error().code(), Code::kUnavailable);
}

TEST_F(StreamTest, ReplacesAStaleUnixSocketButNotALiveOne) {
  const Address address = Address::unix_path((folder / "s").string()).value();
  listen(address).value().reset();  // the file stays
  UniqueFd live = listen(address).value();
  EXPECT_EQ(listen(address).error().code(), Code::kExists);
  ASSERT_TRUE(write_file_atomically(folder / "file", ""));
  EXPECT_EQ(listen(Address::unix_path((folder / "file").string()).value()).error().code(),
            Code::kExists);
}

TEST(Address, ReadsAndWritesEveryForm) {
  for (const auto* text : {"127.0.0.1:80", "[::1]:443", "unix:/run/x.sock"})
    EXPECT_EQ(Address::parse(text).value().to_string(), text);
  for (const auto* wrong :
       {"", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:", "unix:", "1.2.3.4.5:1"})
    EXPECT_FALSE(Address::parse(wrong)) << wrong;
  EXPECT_FALSE(Address::unix_path(std::string(108, 'x')));
  EXPECT_TRUE(Address::parse("127.9.9.9:1").value().is_loopback());
  EXPECT_FALSE(Address::parse("10.0.0.1:1").value().is_loopback());
}

}  // namespace
}  // namespace fairlead::io
