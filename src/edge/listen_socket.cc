#include "edge/listen_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace fairlead::edge {

namespace {
// Connections taken in one go: those that wait may as well be taken by another loop.
constexpr int kAcceptAtOnce = 32;
// Out of descriptors or memory: how long to leave new connections waiting.
constexpr Duration kPause = 100ms;
}  // namespace

ListenSocket::ListenSocket(Worker& worker, ListeningFd socket)
    : worker_(worker), socket_(std::move(socket)), pause_(worker.loop(), [this] {
        // Failing again here would mean that the loop itself is broken.
        [[maybe_unused]] const auto started = start();
      }) {}

ListenSocket::~ListenSocket() {
  if (watched_) worker_.loop().unwatch(socket_.fd.get(), *this);
}

Result<> ListenSocket::start() {
  TRY_VOID(worker_.loop().watch_level(socket_.fd.get(), *this));
  watched_ = true;
  return {};
}

void ListenSocket::on_ready(std::uint32_t) {
  for (int n = 0; n < kAcceptAtOnce && accept_one(); ++n) {
  }
}

void ListenSocket::accept_all() {
  while (accept_one()) {
  }
}

// TCP_NODELAY is inherited from the listening socket.
bool ListenSocket::accept_one() {
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  UniqueFd fd(::accept4(socket_.fd.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) {
    worker_.accepted(std::move(fd), io::Address::of(reinterpret_cast<sockaddr*>(&peer), size),
                     socket_.tls, socket_.proxy_protocol);
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) pause();
  return errno == EINTR || errno == ECONNABORTED;
}

void ListenSocket::pause() {
  if (!watched_) return;
  worker_.loop().unwatch(socket_.fd.get(), *this);
  watched_ = false;
  pause_.arm(worker_.loop().now() + kPause);
  errno = EMFILE;
}

}  // namespace fairlead::edge
