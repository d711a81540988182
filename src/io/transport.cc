#include "io/transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace fairlead::io {

namespace {

IoResult from_errno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::kWouldBlock};
  return {IoStatus::kFailed, 0, errno};
}

IoResult from_ssl(SSL* ssl, int result) {
  const int system_error = errno;
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {IoStatus::kWouldBlock};
    case SSL_ERROR_ZERO_RETURN:
      return {IoStatus::kEnd};
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      return {IoStatus::kFailed, 0, system_error == 0 ? ECONNRESET : system_error};
    default:
      ERR_clear_error();
      return {IoStatus::kFailed, 0, 0};
  }
}

}  // namespace

IoResult Transport::read(std::span<char> into) {
  if (ssl_) {
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
    return result == 1 ? IoResult{IoStatus::kDone, bytes} : from_ssl(ssl_.get(), result);
  }
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (n > 0) return {IoStatus::kDone, static_cast<std::size_t>(n)};
    if (n == 0) return {IoStatus::kEnd};
    if (errno != EINTR) return from_errno();
  }
}

IoResult Transport::write(std::string_view bytes) {
  if (ssl_) {
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    return result == 1 ? IoResult{IoStatus::kDone, written} : from_ssl(ssl_.get(), result);
  }
  for (;;) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) return {IoStatus::kDone, static_cast<std::size_t>(n)};
    if (errno != EINTR) return from_errno();
  }
}

IoResult Transport::write(std::span<const iovec> parts) {
  if (ssl_) {
    std::size_t total = 0;
    for (const iovec& part : parts) {
      if (part.iov_len == 0) continue;
      const IoResult result = write({static_cast<const char*>(part.iov_base), part.iov_len});
      total += result.bytes;
      if (result.status != IoStatus::kDone)
        return total > 0 ? IoResult{IoStatus::kDone, total} : result;
      if (result.bytes < part.iov_len) break;
    }
    return {IoStatus::kDone, total};
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
  for (;;) {
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n >= 0) return {IoStatus::kDone, static_cast<std::size_t>(n)};
    if (errno != EINTR) return from_errno();
  }
}

IoResult Transport::handshake() {
  if (!ssl_) return {IoStatus::kDone};
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? IoResult{IoStatus::kDone} : from_ssl(ssl_.get(), result);
}

void Transport::shutdown_write() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

std::string_view Transport::alpn() const {
  if (!ssl_) return {};
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

std::string_view Transport::server_name() const {
  const char* name = ssl_ ? SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name) : nullptr;
  return name ? name : std::string_view();
}

std::string_view Transport::tls_version() const {
  return ssl_ ? SSL_get_version(ssl_.get()) : std::string_view();
}

}  // namespace fairlead::io
