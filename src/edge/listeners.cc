#include "edge/listeners.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "io/stream.h"

namespace fairlead::edge {

namespace {

// One socket per loop: the kernel spreads the connections (SO_REUSEPORT). A Unix socket is one
// socket that all loops accept from.
Result<std::vector<UniqueFd>> open_sockets(io::Address& address, std::size_t loops) {
  std::vector<UniqueFd> sockets;
  for (std::size_t i = 0; i < loops; ++i) {
    if (address.is_unix() && i > 0) {
      sockets.emplace_back(::fcntl(sockets[0].get(), F_DUPFD_CLOEXEC, 3));
      if (!sockets.back()) return fail_errno("dup");
      continue;
    }
    TRY(UniqueFd socket, io::listen(address, {.reuse_port = !address.is_unix()}));
    if (!address.is_unix()) {
      const int on = 1;  // inherited by the connections that it accepts
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (i == 0) {
      TRY(address, io::local_address(socket.get()));
    }
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

}  // namespace

Result<Listeners::Change> Listeners::prepare(const std::vector<control::ListenerSpec>& wanted,
                                             std::size_t loops) const {
  Change change;
  change.per_loop.resize(loops);
  for (const control::ListenerSpec& spec : wanted) {
    const auto known = std::ranges::find_if(open_, [&](const Opened& opened) {
      return opened.spec.address == spec.address && opened.spec.tls == spec.tls &&
             opened.spec.proxy_protocol == spec.proxy_protocol;
    });
    if (known != open_.end()) {
      change.open.push_back(*known);
      continue;
    }
    TRY(io::Address address, io::Address::parse(spec.address));
    auto sockets = open_sockets(address, loops);
    if (!sockets) {
      return fail(std::move(sockets).error().in(fmt::format("listen on {}", spec.address)));
    }
    for (std::size_t i = 0; i < loops; ++i) {
      change.per_loop[i].push_back(
          {spec.address, spec.tls, spec.proxy_protocol, std::move((*sockets)[i])});
    }
    change.open.push_back({spec, address});
  }
  return change;
}

}  // namespace fairlead::edge
