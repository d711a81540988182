// The implementation of the fixture; named as a test so that it is part of the test program only.
#include "edge/edge_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>

#include "base/strings.h"
#include "io/stream.h"

namespace fairlead::edge {

// ---- Peer

Peer::Peer(UniqueFd fd) : fd_(std::move(fd)) {
  const timeval limit{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Peer Peer::connect(const io::Address& address) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.get(), address.data(), address.size()), 0) << address.to_string();
  return Peer(std::move(fd));
}

bool Peer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool Peer::fill() {
  char buffer[64 * 1024];
  const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
  if (n < 0 && errno != ECONNRESET) ADD_FAILURE() << "nothing came: " << std::strerror(errno);
  if (n <= 0) return false;
  buffered_.append(buffer, static_cast<std::size_t>(n));
  return true;
}

std::string Peer::read(std::size_t size) {
  while (buffered_.size() < size && fill()) {
  }
  std::string bytes = buffered_.substr(0, size);
  buffered_.erase(0, bytes.size());
  return bytes;
}

std::string Peer::read_head() {
  std::size_t end;
  while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  return read(end + 4);
}

std::string Peer::read_line() {
  std::size_t end;
  while ((end = buffered_.find("\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  return read(end + 2);
}

std::string Peer::read_chunked() {
  std::string data;
  for (;;) {
    const std::string line = read_line();
    const auto size = parse_unsigned(trim(std::string_view(line).substr(0, line.find("\r"))), 16);
    if (!size) {
      ADD_FAILURE() << "not a chunk size: " << line;
      return data;
    }
    if (*size == 0) break;
    data += read(*size);
    EXPECT_EQ(read(2), "\r\n");
  }
  trailers.clear();
  for (std::string line; (line = read_line()) != "\r\n" && !line.empty();) trailers += line;
  return data;
}

std::string Peer::read_to_end() {
  while (fill()) {
  }
  return std::exchange(buffered_, {});
}

std::string Peer::read_message() {
  std::string head = read_head();
  if (field_of(head, "Transfer-Encoding") == "chunked") return head + read_chunked();
  const auto length = parse_unsigned(field_of(head, "Content-Length"));
  return length ? head + read(*length) : head;
}

bool Peer::closed() { return buffered_.empty() && !fill(); }
void Peer::shutdown_write() { ::shutdown(fd_.get(), SHUT_WR); }

void Peer::reset() {
  // Dissolving the association resets the connection (connect(2)).
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  ::connect(fd_.get(), &nowhere, sizeof nowhere);
}

bool Peer::is_health_check() {
  const std::string head = read_head();
  buffered_.insert(0, head);
  return head.find("fairlead-health") != std::string::npos;
}

std::string body_of(std::string_view message) {
  const std::size_t end = message.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(message.substr(end + 4));
}

std::string field_of(std::string_view message, std::string_view name) {
  for (std::string_view line : split(message.substr(0, message.find("\r\n\r\n")), '\n')) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && iequals(line.substr(0, colon), name)) {
      std::string_view value = line.substr(colon + 1);
      if (value.ends_with('\r')) value.remove_suffix(1);
      return std::string(trim(value));
    }
  }
  return {};
}

int status_of(std::string_view message) {
  if (!message.starts_with("HTTP/1.1 ")) return 0;
  return static_cast<int>(parse_unsigned(message.substr(9, 3)).value_or(0));
}

// ---- TestOrigin

TestOrigin::TestOrigin(Serve serve) : serve_(std::move(serve)) {
  auto socket = io::listen(*io::Address::parse("127.0.0.1:0"));
  EXPECT_TRUE(socket);
  listener_ = *std::move(socket);
  address_ = io::local_address(listener_.get())->to_string();
  // accept() must block here.
  ::fcntl(listener_.get(), F_SETFL, ::fcntl(listener_.get(), F_GETFL) & ~O_NONBLOCK);
  acceptor_ = std::thread([this, fd = listener_.get()] { accept(fd); });
}

void TestOrigin::accept(int listener) {
  for (;;) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    std::lock_guard lock(mutex_);
    peers_.push_back(std::make_unique<Peer>(std::move(fd)));
    threads_.emplace_back([this, &peer = *peers_.back()] {
      if (peer.is_health_check()) {
        answer_health_checks(peer);
      } else {
        ++connections_;
        serve_(peer);
      }
      ::shutdown(peer.fd(), SHUT_RDWR);
    });
  }
}

void TestOrigin::answer_health_checks(Peer& peer) const {
  while (!peer.read_message().empty()) {
    const bool healthy = !healthy_ || *healthy_.load();
    peer.write(fmt::format("HTTP/1.1 {} x\r\nContent-Length: 0\r\n\r\n", healthy ? 200 : 500));
  }
}

void TestOrigin::stop_listening() {
  if (!listener_) return;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  listener_.reset();
}

TestOrigin::~TestOrigin() {
  stop_listening();
  for (const auto& peer : peers_) ::shutdown(peer->fd(), SHUT_RDWR);
  for (auto& thread : threads_) thread.join();
}

TestOrigin::Serve TestOrigin::always(std::string response) {
  return [response = std::move(response)](Peer& peer) {
    while (!peer.read_message().empty()) {
      if (!peer.write(response)) return;
    }
  };
}

// ---- RunningEdge

control::Snapshot snapshot_of(const std::vector<std::string>& origins) {
  control::Snapshot snapshot;
  snapshot.version = 1;
  snapshot.loops = 1;
  snapshot.listeners = {{"127.0.0.1:0", false}};
  control::Pool pool;
  pool.name = "web";
  pool.health.interval = 1h;
  for (const std::string& origin : origins) {
    pool.origins.push_back({fmt::format("web.{}", pool.origins.size() + 1), origin, "v1", 1});
  }
  snapshot.pools = {pool};
  snapshot.routes.resize(1);
  snapshot.routes[0].pool = "web";
  return snapshot;
}

RunningEdge::RunningEdge(control::Snapshot snapshot)
    : loop_(*io::Loop::create()), gate_(*loop_), end_(*loop_), log_(2, telemetry::Level::kError) {
  std::signal(SIGPIPE, SIG_IGN);  // as run_edge() does
  std::promise<Result<>> up;
  thread_ =
      std::thread([this, &snapshot, &up] { io::block_on(*loop_, main(std::move(snapshot), up)); });
  const Result<> result = up.get_future().get();
  EXPECT_TRUE(result) << result.error().message();
}

RunningEdge::~RunningEdge() { drain(patience_); }

void RunningEdge::drain(Duration patience) {
  if (!thread_.joinable()) return;
  patience_ = patience;
  loop_->post([this] { end_.set(); });
  thread_.join();
}

io::Task<void> RunningEdge::main(control::Snapshot snapshot, std::promise<Result<>>& up) {
  edge_ = *Edge::create(*loop_, snapshot.loops, log_);
  Result<> applied = co_await edge_->apply(std::move(snapshot));
  for (const Listeners::Opened& listener : edge_->listening()) {
    addresses_.push_back(listener.address);
  }
  up.set_value(std::move(applied));
  [[maybe_unused]] auto ended = co_await end_.wait(io::Deadline::never());
  ended = co_await gate_.drained(io::Deadline::never());
  co_await edge_->drain(patience_);
  edge_.reset();
}

io::Task<void> RunningEdge::apply_task(control::Snapshot snapshot, std::promise<Result<>>& done) {
  done.set_value(co_await edge_->apply(std::move(snapshot)));
}

Result<> RunningEdge::apply(control::Snapshot snapshot) {
  std::promise<Result<>> done;
  loop_->post([&] { gate_.spawn(apply_task(snapshot, done)); });
  return done.get_future().get();
}

void RunningEdge::on_loop(std::function<void(Edge&)> work) {
  std::promise<void> done;
  loop_->post([&] {
    work(*edge_);
    done.set_value();
  });
  done.get_future().wait();
}

std::string RunningEdge::ask(std::string_view request) const {
  Peer peer = connect();
  peer.write(request);
  return peer.read_message();
}

std::string RunningEdge::get(std::string_view path) const {
  return ask(fmt::format("GET {} HTTP/1.1\r\nHost: test.example\r\n\r\n", path));
}

}  // namespace fairlead::edge
