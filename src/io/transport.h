// A connected, non-blocking socket, plain or TLS, without any waiting: the same calls serve the
// edge's state machines and the coroutine Stream.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "base/unique_fd.h"
#include "io/tls.h"

namespace fairlead::io {

enum class IoStatus : unsigned char {
  kDone,        // `bytes` were moved (at least 1)
  kWouldBlock,  // wait for the next edge (of either direction, under TLS), then call again
  kEnd,         // reading only: orderly end of stream
  kFailed,      // `error` is an errno, or 0 for a TLS failure; the connection is of no more use
};

struct IoResult {
  IoStatus status;
  std::size_t bytes = 0;
  int error = 0;
};

class Transport {
 public:
  Transport() = default;
  // `fd` is a connected non-blocking socket. With `ssl` the handshake runs inside the first reads
  // and writes.
  explicit Transport(UniqueFd fd, SslPtr ssl = nullptr)
      : fd_(std::move(fd)), ssl_(std::move(ssl)) {}

  // One recv or SSL_read. Plain: fewer bytes than asked for means the socket is drained. TLS: read
  // until kWouldBlock.
  IoResult read(std::span<char> into);
  IoResult write(std::string_view bytes);
  // At most IOV_MAX parts; TLS writes them one after the other and may stop at any.
  IoResult write(std::span<const iovec> parts);

  // Puts TLS onto a plain connection.
  void start_tls(SslPtr ssl) { ssl_ = std::move(ssl); }
  // Drives the TLS handshake: kDone when finished (at once for plain sockets).
  IoResult handshake();
  // Says "no more from me": close_notify, then shutdown(SHUT_WR). Never blocks.
  void shutdown_write();
  // What ALPN agreed on: "h2", "http/1.1", or "" for none.
  std::string_view alpn() const;
  // What SNI asked for, "" for none.
  std::string_view server_name() const;
  // "TLSv1.3", "" for plain.
  std::string_view tls_version() const;

  bool is_tls() const { return ssl_ != nullptr; }
  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void close() {
    ssl_.reset();
    fd_.reset();
  }

 private:
  UniqueFd fd_;
  SslPtr ssl_;
};

}  // namespace fairlead::io
