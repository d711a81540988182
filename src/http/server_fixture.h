// A running Server and a raw client, for the tests of this folder.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "http/server.h"

namespace fairlead::http {

inline io::Deadline soon() { return io::Deadline::in(30s); }

// Whatever the peer sends until it closes; "…[error]" if it does not close in order.
inline io::Task<std::string> read_to_end(io::Stream& stream) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const auto size = co_await stream.read(buffer, soon());
    if (!size) co_return all + "[" + size.error().message() + "]";
    if (*size == 0) co_return all;
    all.append(buffer, *size);
  }
}

// Reads until `end` has been seen.
inline io::Task<std::string> read_until(io::Stream& stream, std::string end) {
  std::string all;
  char buffer[4096];
  while (all.find(end) == std::string::npos) {
    const auto size = co_await stream.read(buffer, soon());
    if (!size || *size == 0) co_return all + "[ended]";
    all.append(buffer, *size);
  }
  co_return all;
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() : loop_(io::Loop::create().value()) {}
  ~ServerTest() override {
    if (server_) stop();
  }

  void start(Handler handler, ServerOptions options = {}) {
    auto socket = io::listen(io::Address::parse("127.0.0.1:0").value());
    address_ = io::local_address(socket->get()).value();
    server_ = std::make_unique<Server>(*loop_, std::move(handler), options);
    server_->serve(*std::move(socket));
  }
  void stop() {
    EXPECT_TRUE(run(server_->drain(soon())));
    server_.reset();
  }

  template <typename T>
  T run(io::Task<T> task) {
    return io::block_on(*loop_, std::move(task));
  }
  io::Stream dial() {
    auto stream = run(io::connect(*loop_, address_, soon()));
    EXPECT_TRUE(stream) << stream.error().message();
    return *std::move(stream);
  }
  // One connection: sends everything, then reads to the end.
  std::string talk(std::string bytes) {
    io::Stream stream = dial();
    return run(talk_over(stream, std::move(bytes)));
  }

  std::unique_ptr<io::Loop> loop_;
  io::Address address_;
  std::unique_ptr<Server> server_;

 private:
  static io::Task<std::string> talk_over(io::Stream& stream, std::string bytes) {
    // A server that refuses may close before it has read everything; its answer is what counts.
    static_cast<void>(co_await stream.write(bytes, soon()));
    co_return co_await read_to_end(stream);
  }
};

}  // namespace fairlead::http
