// Sockets for coroutines: Stream (connected), Listener (accepting), connect().
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "io/address.h"
#include "io/deadline.h"
#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"
#include "io/transport.h"

namespace fairlead::io {

// A connected socket, plain or TLS. One reader and one writer at a time. Movable; belongs to its
// loop's thread.
class Stream {
 public:
  Stream(Loop& loop, Transport transport, Address peer);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // At least one byte; 0 at the orderly end. kTimeout, kCancelled, kClosed (reset), kSystem.
  Task<Result<std::size_t>> read(std::span<char> into, Deadline deadline);
  // What is there now, without waiting: 0 bytes with kWouldBlock's meaning is kUnavailable.
  IoResult try_read(std::span<char> into);
  // All of it.
  Task<Result<>> write(std::string_view bytes, Deadline deadline);
  Task<Result<>> write(std::span<const iovec> parts, Deadline deadline);
  // Makes an accepted plain connection the server side of a TLS one, before anything was read.
  Result<> start_tls(const TlsContext& tls);
  // TLS only: finishes the handshake; reads and writes would do it too.
  Task<Result<>> handshake(Deadline deadline);

  void shutdown_write();
  // Ends both directions: a reader elsewhere wakes with an end. For a server that stops.
  void abort();

  const Address& peer() const;
  Transport& transport();
  int fd() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ListenOptions {
  int backlog = 4096;
  bool reuse_port = false;  // several loops share one port, the kernel spreads the connections
  int unix_mode = 0600;     // permission of a Unix socket's file
};

// Binds and listens; a stale Unix socket file is replaced. kExists when the address is in use.
Result<UniqueFd> listen(const Address& address, ListenOptions options = {});
// Where it really listens (after port 0).
Result<Address> local_address(int fd);

class Listener {
 public:
  Listener(Loop& loop, UniqueFd socket);
  ~Listener();
  // The next connection, non-blocking, CLOEXEC, TCP_NODELAY. kUnavailable when out of descriptors
  // (after a pause).
  Task<Result<Stream>> accept(Deadline deadline);
  // Stops listening; a waiting accept() gets kCancelled.
  void close();
  Address address() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Connects; with `tls` the handshake is done too, and `host` is verified.
Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline);
Task<Result<Stream>> connect_tls(Loop& loop, Address address, const TlsContext& tls,
                                 std::string host, Deadline deadline);

// Waits until any descriptor is readable or writable: for libraries that bring their own sockets
// (libpq, hiredis).
class Readiness {
 public:
  explicit Readiness(Loop& loop);
  ~Readiness();
  Readiness(const Readiness&) = delete;
  // The descriptor stays the library's; unwatch (or destroy) before the library closes it.
  Result<> watch(int fd);
  void unwatch();
  // Returns after the next edge on the descriptor since the last call (or at once if there was
  // one).
  Task<Result<>> wait(Deadline deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::io
