// An elliptic-curve key (P-256) and what ACME needs of it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

using EVP_PKEY = struct evp_pkey_st;

namespace fairlead::acme {

// RFC 7515 §2: base64 for URLs, without padding.
std::string base64url(std::string_view bytes);

class Key {
 public:
  static Result<Key> make();
  // PEM; kNotFound if there is no such file.
  static Result<Key> load(const std::filesystem::path& file);
  Result<std::string> pem() const;

  // RFC 7517: {"crv":"P-256","kty":"EC","x":…,"y":…}, in the order that RFC 7638 wants.
  Result<std::string> jwk() const;
  // RFC 7638, as base64url.
  Result<std::string> thumbprint() const;
  // ES256 (RFC 7518 §3.4): r and s, 32 bytes each.
  Result<std::string> sign(std::string_view text) const;
  // A certificate request (PKCS #10, DER) for these DNS names.
  Result<std::string> request_for(const std::vector<std::string>& names) const;
  // RFC 8737 §3: a self-signed certificate for `host` that carries the key authorization, PEM.
  Result<std::string> alpn_proof(const std::string& host, std::string_view key_authorization) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const;
  };
  explicit Key(EVP_PKEY* key) : key_(key) {}
  std::unique_ptr<EVP_PKEY, Free> key_;
};

}  // namespace fairlead::acme
