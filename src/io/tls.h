// TLS by OpenSSL: contexts, and certificates for development. The OpenSSL headers stay in tls.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

using SSL_CTX = struct ssl_ctx_st;
using SSL = struct ssl_st;

namespace fairlead::io {

struct SslFree {
  void operator()(SSL* ssl) const;
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

struct CertificateFiles {
  std::string certificate;  // path, PEM, leaf first then the chain
  std::string key;          // path, PEM
  // A proof for an ACME server (RFC 8737): shown only to whoever asks for "acme-tls/1" and the host
  // in it. Such a certificate is nobody's default.
  bool acme_proof = false;
};

// What clients are asked for, beyond TLS itself.
struct TlsClientRules {
  bool modern = false;    // TLS 1.3 alone
  std::string client_ca;  // path, PEM: whose certificates clients must show; "": none are asked for
  bool client_may = false;  // clients without a certificate are served too
};

// What all connections of one listener, or one client, share. Immutable once made; may be used by
// any thread, and outlives the connections made from it (they hold a reference of their own).
class TlsContext {
 public:
  // Server side, TLS 1.2 and 1.3. With several certificates the client's SNI chooses by the names
  // in them (exact, then one-label wildcard); without a match the first is used. `alpn` in order of
  // preference ("h2", "http/1.1").
  static Result<TlsContext> server(const std::vector<CertificateFiles>& certificates,
                                   std::vector<std::string> alpn, TlsClientRules rules = {});
  // Client side. Verifies the peer against the system's authorities, or `ca_file` alone when it is
  // given.
  static Result<TlsContext> client(std::string ca_file = {}, std::vector<std::string> alpn = {});

  // For a connected socket that the session does not own. kUnavailable when memory is short.
  Result<SslPtr> make_server_session(int fd) const;
  // `host` goes into SNI and is what the certificate must name.
  Result<SslPtr> make_client_session(int fd, const std::string& host) const;

  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;
  ~TlsContext();

 private:
  struct Shared;
  explicit TlsContext(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
};

// Writes a self-signed ECDSA P-256 certificate for `names` (DNS names or IP addresses), valid for
// `lifetime`. The key's file gets mode 0600.
Result<> write_self_signed(const CertificateFiles& files, const std::vector<std::string>& names,
                           Duration lifetime);

// Of the first certificate in a PEM file.
struct CertificateFacts {
  WallTime from, until;
  std::vector<std::string> names;  // DNS names and IP addresses
  std::string issuer;              // its common name; "" for none
};
Result<CertificateFacts> certificate_facts(const std::string& certificate_file);
// When it ends.
Result<WallTime> certificate_expiry(const std::string& certificate_file);

}  // namespace fairlead::io
