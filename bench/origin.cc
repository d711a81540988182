// The origin that every proxy of a benchmark stands in front of: as little work per request as an
// HTTP/1.1 server can do, so that the proxy is what is measured. One thread, keep-alive, any
// pipelining; it looks at the path only ("/64k": 64 KiB, all else: 1 KiB; below
// "/cached": fresh for ten minutes) and expects no bodies.
//
//   bench_origin 127.0.0.1:9001
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/unique_fd.h"

namespace {

using fairlead::UniqueFd;

std::string make_response(std::size_t body_size, std::string_view fields = {}) {
  return fmt::format(
             "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n{}Content-Length: "
             "{}\r\n\r\n",
             fields, body_size) +
         std::string(body_size, 'x');
}
const std::string kSmall = make_response(1024);
const std::string kLarge = make_response(64 * 1024);
const std::string kSmallCached = make_response(1024, "Cache-Control: max-age=600\r\n");
const std::string kLargeCached = make_response(64 * 1024, "Cache-Control: max-age=600\r\n");

struct Connection {
  UniqueFd fd;
  std::string in;   // the beginning of a request that has not ended yet
  std::string out;  // what the kernel would not take yet
};

// Appends the answers to all whole requests in connection.in.
void answer(Connection& connection) {
  std::size_t start = 0;
  for (std::size_t end; (end = connection.in.find("\r\n\r\n", start)) != std::string::npos;) {
    std::string_view request(connection.in.data() + start, end - start);
    std::string_view line = request.substr(0, request.find("\r\n"));
    bool large = line.contains("/64k ");
    if (line.contains(" /cached/")) {
      connection.out += large ? kLargeCached : kSmallCached;
    } else {
      connection.out += large ? kLarge : kSmall;
    }
    start = end + 4;
  }
  connection.in.erase(0, start);
}

// False when the peer is gone.
bool send_pending(Connection& connection) {
  std::size_t sent = 0;
  while (sent < connection.out.size()) {
    ssize_t n = send(connection.fd.get(), connection.out.data() + sent,
                     connection.out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  connection.out.erase(0, sent);
  return true;
}

// False when the connection has ended. A short read means that there is no more for now, unless the
// peer has ended its side.
bool serve(Connection& connection, bool peer_ended) {
  char buffer[16 * 1024];
  for (;;) {
    ssize_t n = recv(connection.fd.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) return false;
    connection.in.append(buffer, static_cast<std::size_t>(n));
    if (static_cast<std::size_t>(n) < sizeof buffer && !peer_ended) break;
  }
  answer(connection);
  return send_pending(connection);
}

UniqueFd listen_on(std::string_view text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::string_view port = text.substr(text.rfind(':') + 1);
  std::uint16_t number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  address.sin_port = htons(number);
  std::string host(text.substr(0, text.rfind(':')));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return {};
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  if (listen(fd.get(), 4096) != 0) return {};
  return fd;
}

void accept_all(int listener, int epoll, std::unordered_map<int, Connection>& connections) {
  for (;;) {
    UniqueFd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() < 0) return;
    int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      .data = {.fd = fd.get()}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd.get(), &event);
    int key = fd.get();
    connections[key] = Connection{.fd = std::move(fd), .in = {}, .out = {}};
  }
}

}  // namespace

int main(int argc, char** argv) {
  UniqueFd listener = listen_on(argc == 2 ? argv[1] : "");
  if (listener.get() < 0) {
    fmt::print(stderr, "usage: bench_origin IPV4:PORT (free to listen on)\n");
    return 2;
  }
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener.get()}};
  epoll_ctl(epoll.get(), EPOLL_CTL_ADD, listener.get(), &event);
  std::unordered_map<int, Connection> connections;
  for (;;) {
    epoll_event events[256];
    int count = epoll_wait(epoll.get(), events, 256, -1);
    for (int i = 0; i < count; ++i) {
      int fd = events[i].data.fd;
      if (fd == listener.get()) {
        accept_all(fd, epoll.get(), connections);
      } else if (auto found = connections.find(fd);
                 found != connections.end() &&
                 !serve(found->second, events[i].events & EPOLLRDHUP)) {
        connections.erase(found);
      }
    }
  }
}
