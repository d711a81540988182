#include "acme/key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "base/file.h"

namespace fairlead::acme {

namespace {

struct Free {
  void operator()(BIO* b) const { BIO_free_all(b); }
  void operator()(X509* x) const { X509_free(x); }
  void operator()(X509_REQ* r) const { X509_REQ_free(r); }
  void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
  void operator()(STACK_OF(X509_EXTENSION) * s) const {
    sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free);
  }
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  void operator()(ECDSA_SIG* s) const { ECDSA_SIG_free(s); }
  void operator()(BIGNUM* n) const { BN_free(n); }
  void operator()(ASN1_OBJECT* o) const { ASN1_OBJECT_free(o); }
  void operator()(ASN1_OCTET_STRING* s) const { ASN1_OCTET_STRING_free(s); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr int kCoordinate = 32;
constexpr long kProofLifetime = 7L * 24 * 3600;

std::unexpected<Error> failed(std::string_view what) {
  char text[256] = "unknown reason";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(Code::kInternal, fmt::format("{}: {}", what, text));
}

std::string read_all(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string number_bytes(const BIGNUM* number) {
  std::string bytes(kCoordinate, 0);
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), kCoordinate);
  return bytes;
}

std::string sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, 0);
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += fmt::format("{}DNS:{}", text.empty() ? "" : ",", name);
  return text;
}

}  // namespace

std::string base64url(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) text += kDigits[bits >> (have - 6) & 63];
  }
  if (have > 0) text += kDigits[bits << (6 - have) & 63];
  return text;
}

void Key::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

Result<Key> Key::make() {
  Key key(EVP_EC_gen("P-256"));
  if (!key.key_) return failed("cannot make a key");
  return key;
}

Result<Key> Key::load(const std::filesystem::path& file) {
  TRY(const std::string text, read_file(file, 64 << 10));
  const Owned<BIO> memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
  if (!key.key_) return fail(Code::kInvalid, file.native() + " is no key in PEM form");
  return key;
}

Result<std::string> Key::pem() const {
  const Owned<BIO> memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1)
    return failed("cannot write the key");
  return read_all(memory.get());
}

Result<std::string> Key::jwk() const {
  BIGNUM *x = nullptr, *y = nullptr;
  const bool got = EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
                   EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1;
  const Owned<BIGNUM> own_x(x), own_y(y);
  if (!got) return failed("cannot read the key");
  return fmt::format(R"({{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}})",
                     base64url(number_bytes(x)), base64url(number_bytes(y)));
}

Result<std::string> Key::thumbprint() const {
  TRY(const std::string text, jwk());
  return base64url(sha256(text));
}

Result<std::string> Key::sign(std::string_view text) const {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1)
    return failed("cannot sign");
  std::string der(size, 0);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, bytes,
                     text.size()) != 1)
    return failed("cannot sign");
  const auto* place = reinterpret_cast<const unsigned char*>(der.data());
  const Owned<ECDSA_SIG> signature(d2i_ECDSA_SIG(nullptr, &place, static_cast<long>(size)));
  if (!signature) return failed("cannot sign");
  return number_bytes(ECDSA_SIG_get0_r(signature.get())) +
         number_bytes(ECDSA_SIG_get0_s(signature.get()));
}

Result<std::string> Key::request_for(const std::vector<std::string>& names) const {
  const Owned<X509_REQ> request(X509_REQ_new());
  const std::string text = alternative_names(names);
  Owned<STACK_OF(X509_EXTENSION)> extensions(sk_X509_EXTENSION_new_null());
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, text.c_str());
  if (!extension) return failed("cannot ask for " + text);
  sk_X509_EXTENSION_push(extensions.get(), extension);
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key_.get()) != 1 ||
      X509_REQ_sign(request.get(), key_.get(), EVP_sha256()) == 0)
    return failed("cannot make a certificate request");
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  if (size < 0) return failed("cannot make a certificate request");
  std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

Result<std::string> Key::alpn_proof(const std::string& host,
                                    std::string_view key_authorization) const {
  const Owned<X509> certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), kProofLifetime);
  X509_NAME* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>("acme-tls proof"), -1, -1, 0);
  X509_set_issuer_name(x, subject);
  X509_set_pubkey(x, key_.get());
  const Owned<X509_EXTENSION> names(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name,
                                                        alternative_names({host}).c_str()));
  // acmeIdentifier, critical: an OCTET STRING within the extension's own.
  const std::string value = std::string("\x04\x20") + sha256(key_authorization);
  const Owned<ASN1_OCTET_STRING> octets(ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(octets.get(), reinterpret_cast<const unsigned char*>(value.data()),
                        static_cast<int>(value.size()));
  const Owned<ASN1_OBJECT> identifier(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const Owned<X509_EXTENSION> proof(
      X509_EXTENSION_create_by_OBJ(nullptr, identifier.get(), 1, octets.get()));
  if (!names || !proof || X509_add_ext(x, names.get(), -1) != 1 ||
      X509_add_ext(x, proof.get(), -1) != 1 || X509_sign(x, key_.get(), EVP_sha256()) == 0)
    return failed("cannot make the proof for " + host);
  const Owned<BIO> memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(memory.get(), x) != 1) return failed("cannot write the proof");
  return read_all(memory.get());
}

}  // namespace fairlead::acme
