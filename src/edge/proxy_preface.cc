#include "edge/proxy_preface.h"

#include <sys/socket.h>

#include "edge/worker.h"
#include "http/proxy_protocol.h"

namespace fairlead::edge {

ProxyPreface::ProxyPreface(Worker& worker, io::Transport transport, io::Address peer, bool tls)
    : ClientSocket(worker, std::move(transport)), peer_(peer), tls_(tls) {
  worker_.timeouts().handshake.arm(*this, worker_.plan().timeouts().tls_handshake);
}

ProxyPreface::~ProxyPreface() = default;

// The bytes are looked at and left in the socket until the header is whole: what follows it belongs
// to TLS or HTTP.
void ProxyPreface::on_ready(std::uint32_t) {
  char bytes[http::kMaxProxyHeader];
  const ssize_t n = ::recv(transport_.fd(), bytes, sizeof bytes, MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return end_of_life();
  http::ProxyHeader header;
  switch (http::parse_proxy_header({bytes, static_cast<std::size_t>(n)}, header)) {
    case http::ParseState::kIncomplete:
      return;
    case http::ParseState::kError:
      return end_of_life();
    case http::ParseState::kComplete:
      break;
  }
  if (::recv(transport_.fd(), bytes, header.size, 0) != static_cast<ssize_t>(header.size))
    return end_of_life();
  if (header.source && !worker_.admit(transport_.fd(), *header.source)) return end_of_life();
  ClientEntry::unlink();
  worker_.greet(release(), header.source.value_or(peer_), tls_);
}

}  // namespace fairlead::edge
