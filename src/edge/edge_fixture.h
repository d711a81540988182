// For tests of the whole edge: an edge with its own threads, origins that do exactly what a test
// says, and clients, all on blocking sockets with a time limit, so that what hangs fails.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "edge/edge.h"

namespace fairlead::edge {

// One end of a connection. Reading fails the test after 30 s of silence.
class Peer {
 public:
  explicit Peer(UniqueFd fd);
  static Peer connect(const io::Address& address);

  // False once the other side has closed or reset.
  bool write(std::string_view bytes);
  // To the end of the next head, which it includes; "" at the end of the connection.
  std::string read_head();
  std::string read(std::size_t size);  // shorter at the end of the connection
  std::string read_line();             // with its "\r\n"
  std::string read_chunked();          // data; the trailer section goes to `trailers`
  std::string read_to_end();
  // A head and the body that its Content-Length or chunks say.
  std::string read_message();
  // True if the other side has closed (or closes within the time limit) without sending more.
  bool closed();
  void shutdown_write();
  void reset();  // closes with RST
  // Waits for the first head and leaves it to be read.
  bool is_health_check();

  std::string trailers;
  int fd() const { return fd_.get(); }

 private:
  bool fill();
  UniqueFd fd_;
  std::string buffered_;
};

std::string body_of(std::string_view message);
std::string field_of(std::string_view message, std::string_view name);  // "" if absent
int status_of(std::string_view message);

// Listens on loopback; each connection gets a thread that runs `serve` and then closes. Health
// checks are answered apart, and not counted.
class TestOrigin {
 public:
  using Serve = std::function<void(Peer&)>;
  explicit TestOrigin(Serve serve);
  ~TestOrigin();
  // Answers every request with `response` and keeps the connection.
  static Serve always(std::string response);

  std::string address() const { return address_; }
  int connections() const { return connections_; }
  // While false, health checks get 500. `healthy` must outlive the origin.
  void set_healthy(const std::atomic<bool>* healthy) { healthy_ = healthy; }
  // Stops listening: later connections are refused.
  void stop_listening();

 private:
  void accept(int listener);
  void answer_health_checks(Peer& peer) const;
  Serve serve_;
  std::atomic<const std::atomic<bool>*> healthy_ = nullptr;
  UniqueFd listener_;
  std::string address_;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::thread acceptor_;
};

// An edge listening on a free port of loopback (or as the snapshot says).
class RunningEdge {
 public:
  explicit RunningEdge(control::Snapshot snapshot);
  ~RunningEdge();
  Result<> apply(control::Snapshot snapshot);
  // Runs `work` on the edge's own loop.
  void on_loop(std::function<void(Edge&)> work);
  void drain(Duration patience);

  const io::Address& address(std::size_t listener = 0) const { return addresses_[listener]; }
  Peer connect() const { return Peer::connect(address()); }
  // One request on a connection of its own; the whole response.
  std::string ask(std::string_view request) const;
  std::string get(std::string_view path) const;

 private:
  io::Task<void> main(control::Snapshot snapshot, std::promise<Result<>>& up);
  io::Task<void> apply_task(control::Snapshot snapshot, std::promise<Result<>>& done);
  std::unique_ptr<io::Loop> loop_;
  io::Gate gate_;
  io::Event end_;
  Duration patience_ = 5s;
  telemetry::Log log_;
  std::unique_ptr<Edge> edge_;
  std::vector<io::Address> addresses_;
  std::thread thread_;
};

// A snapshot with one pool "web" over `origins`, one route to it, one listener, health checks that
// leave tests alone.
control::Snapshot snapshot_of(const std::vector<std::string>& origins);

}  // namespace fairlead::edge
